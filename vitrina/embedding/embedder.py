"""Texts and images to unit vectors: the values of ruclip.Predictor, faster."""

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Literal, cast

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor
from upath import UPath

from vitrina.embedding.batch_size import fastest_batch_size
from vitrina.embedding.parallel import batched, in_streams, one_by_one, prefetched
from vitrina.embedding.precision import InferenceTowers, Precision, make_inference_towers
from vitrina.embedding.text_batches import TextBatch, text_batches
from vitrina.execution.cpu_count import cpu_count
from vitrina.images.load import ResizeMode, normalize, read_image, square_image
from vitrina.model.model import RuCLIP
from vitrina.model.tokenize import TEMPLATES

Vectors = npt.NDArray[np.float32]
Templates = Literal["ruclip", "single"]

# On a CPU a pass is cut so that its activations stay in the cache.
CPU_IMAGES = 4
CPU_TOKENS = 512


class Embedder:
    """Embeds with one model, which is left as it is."""

    def __init__(
        self,
        model: RuCLIP,
        device: torch.device,
        batch_size: int,
        templates: Templates = "ruclip",
        precision: Precision = "auto",
        *,
        find_batch_size: bool = False,
        compiled: bool = False,
    ) -> None:
        """``batch_size`` is the most images in one pass, or texts as long as they may be.

        With ``find_batch_size`` a GPU tries more, as long as it gets faster. ``compiled`` puts
        the model through torch.compile, which takes minutes at the first pass.
        """
        self.model = model
        self.device = device
        self.templates = TEMPLATES if templates == "ruclip" else TEMPLATES[:1]
        self._given_batch_size = batch_size
        self._find_batch_size = find_batch_size and device.type == "cuda"
        self._in_streams = device.type == "cpu"
        self._precision: Precision = precision
        self._compiled = compiled

    @functools.cached_property
    def towers(self) -> InferenceTowers:
        """The model for inference, made when first needed."""
        return make_inference_towers(
            self.model.clip, self.device, self._precision, compiled=self._compiled
        )

    @property
    def arithmetic(self) -> str:
        """The device and precision that vectors are computed with."""
        return f"{self.device.type} {self.towers.precision}"

    @functools.cached_property
    def batch_size(self) -> int:
        """Images in one pass: as given, or found by trying."""
        if not self._find_batch_size:
            return self._given_batch_size
        side = self.model.resolution

        def run(size: int) -> None:
            with torch.inference_mode():
                self.towers.image(torch.zeros(size, 3, side, side, device=self.device)).cpu()

        return fastest_batch_size(run, self._given_batch_size)

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Vectors float32 (texts, embed_dim) of unit length; equal texts are embedded once.

        The mean over the templates is taken before the normalisation, as ruclip.Predictor does.
        """
        cleaned = [text.lower().strip() for text in texts]
        row_of = {text: row for row, text in enumerate(dict.fromkeys(cleaned))}
        total = torch.zeros(len(row_of), self.model.embed_dim, device=self.device)
        if row_of:
            for rows, vectors in self._embed_texts(list(row_of)):
                total.index_add_(0, rows, vectors)
        distinct: Vectors = F.normalize(total, dim=-1).cpu().numpy()
        return distinct[[row_of[text] for text in cleaned]]

    def images(self, paths: Sequence[str | UPath]) -> Vectors:
        """Vectors float32 (paths, embed_dim) of unit length of image files, local or s3://.

        Raises UserError naming the file that cannot be read.
        """
        if not paths:
            return np.zeros((0, self.model.embed_dim), dtype=np.float32)
        vectors: Vectors = torch.cat(list(self._embed_images(paths))).cpu().numpy()
        return vectors

    def _embed_texts(self, texts: Sequence[str]) -> Iterator[tuple[Tensor, Tensor]]:
        """Numbers of texts and their vectors in one template, not normalised."""
        towers = self.towers
        budget = self.batch_size * self.model.context_length
        if self._in_streams:
            budget = min(budget, CPU_TOKENS)
        batches = list(text_batches(self.model, texts, self.templates, budget))
        with torch.inference_mode():
            prefixes = {
                prefix: towers.prefix(prefix) if prefix else None
                for prefix in {one.prefix for one in batches}
            }

        def work(one: TextBatch) -> tuple[Tensor, Tensor]:
            ids = one.ids.to(self.device, non_blocking=True)
            vectors = towers.text(ids, prefixes[one.prefix])
            return torch.tensor(one.texts, device=self.device), vectors.float()

        return in_streams(work, batches) if self._in_streams else one_by_one(work, batches)

    def _embed_images(self, paths: Sequence[str | UPath]) -> Iterator[Tensor]:
        """Unit vectors on the device, pass by pass."""
        towers = self.towers
        if self._in_streams:
            share = math.ceil(len(paths) / torch.get_num_threads())
            size = min(self.batch_size, CPU_IMAGES, share)
            return in_streams(
                lambda some: self._embed_pixels(towers, [self._pixels(path) for path in some]),
                batched(paths, size),
            )
        loaded = prefetched(self._pixels, paths, self.batch_size, cpu_count())
        return one_by_one(functools.partial(self._embed_pixels, towers), loaded)

    def _pixels(self, path: str | UPath) -> Tensor:
        """uint8 (3, R, R)."""
        resize_mode = cast(ResizeMode, self.model.resize_mode)
        return torch.from_numpy(square_image(read_image(path), self.model.resolution, resize_mode))

    def _embed_pixels(self, towers: InferenceTowers, images: Sequence[Tensor]) -> Tensor:
        """Unit vectors float32 on the device; the pixels go there as bytes."""
        pixels = torch.stack(list(images))
        if self.device.type == "cuda":
            pixels = pixels.pin_memory().to(self.device, non_blocking=True)
        vectors = towers.image(normalize(pixels, self.model.mean, self.model.std))
        return F.normalize(vectors.float(), dim=-1)
