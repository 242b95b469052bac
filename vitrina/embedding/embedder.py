"""Embed texts and images as unit vectors: the values of ruclip.Predictor, in less time."""

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Literal, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from PIL import Image
from torch import Tensor

from vitrina.embedding.batch_size import fastest_batch_size
from vitrina.embedding.encoder import ImageSource, Vectors
from vitrina.embedding.parallel import batched, in_streams, one_by_one, prefetched
from vitrina.embedding.precision import (
    PROBES,
    InferenceTowers,
    Precision,
    Probes,
    make_inference_towers,
)
from vitrina.embedding.text_batches import TextBatch, text_batches
from vitrina.errors import UserError
from vitrina.execution.cpu_count import cpu_count
from vitrina.images.from_memory import as_rgb
from vitrina.images.load import ResizeMode, read_image, square_image
from vitrina.model.hardware import prefers_bfloat16
from vitrina.model.image_input import normalize
from vitrina.model.inference_towers import Prefix
from vitrina.model.model import RuCLIP
from vitrina.model.text_input import pad
from vitrina.model.tokenize import TEMPLATES, tokenize

Templates = Literal["ruclip", "single"]
NAMED_TEMPLATES: dict[Templates, tuple[str, ...]] = {"ruclip": TEMPLATES, "single": TEMPLATES[:1]}

# On a CPU, batches are so small that their activations stay in the cache.
CPU_IMAGES = 4
CPU_TOKENS = 512


class Embedder:
    """Embeds texts and images with one model, which it does not change."""

    # Seven parameters: the model, the device and one for each option of EmbedConfig that it uses.
    def __init__(
        self,
        model: RuCLIP,
        device: torch.device,
        batch_size: int,
        templates: Templates | tuple[str, ...] = "ruclip",
        precision: Precision = "auto",
        *,
        find_batch_size: bool = False,
        compiled: bool = False,
    ) -> None:
        """Towers are made on first use.

        ``batch_size`` is the maximum number of images, or of texts of full length, in a batch.
        With ``find_batch_size`` a GPU is given larger ones for as long as it gets faster.
        ``templates`` may also be the sentences themselves, such as those of stored vectors.
        ``compiled`` uses torch.compile, which takes minutes at the first batch.
        """
        self.model = model
        self.device = device
        self.templates = NAMED_TEMPLATES[templates] if isinstance(templates, str) else templates
        self._given_batch_size = batch_size
        self._find_batch_size = find_batch_size and device.type == "cuda"
        self._uses_streams = device.type == "cpu"
        self._precision: Precision = precision
        self._compiled = compiled
        self._probes: Probes | None = None
        self._prefixes: dict[tuple[int, ...], Prefix] = {}

    def sample(self, texts: Sequence[str], images: Sequence[ImageSource]) -> None:
        """Choose the precision ``auto`` by some of these, unless it is chosen already.

        Raises UserError naming an image that cannot be read.
        """
        is_open = self._precision == "auto" and "towers" not in vars(self)
        if not is_open or not prefers_bfloat16(self.device.type) or not texts or not images:
            return
        pixels = torch.stack([self._pixels(image) for image in images[:PROBES]])
        ids = pad(tokenize(self.model.tokenizer, [text.lower() for text in texts[:PROBES]]))
        self._probes = Probes(normalize(pixels, self.model.mean, self.model.std), ids)

    @functools.cached_property
    def towers(self) -> InferenceTowers:
        """The model's towers for inference on the device, made on first use."""
        return make_inference_towers(
            self.model.clip,
            self.device,
            self._precision,
            compiled=self._compiled,
            probes=self._probes,
        )

    @property
    def arithmetic(self) -> str:
        """The device and the precision that vectors are computed in, such as ``cpu float32``."""
        return f"{self.device.type} {self.towers.precision}"

    @functools.cached_property
    def batch_size(self) -> int:
        """Maximum number of images in a batch: as given, or the fastest, measured on first use."""
        if not self._find_batch_size:
            return self._given_batch_size
        side = self.model.resolution

        def run(size: int) -> None:
            with torch.inference_mode():
                self.towers.image(torch.zeros(size, 3, side, side, device=self.device)).cpu()

        return fastest_batch_size(run, self._given_batch_size)

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors float32 (texts, embed_dim); equal texts are embedded once.

        Vectors are averaged over the templates before they are normalized, as in ruclip.Predictor.
        Raises UserError if one is not finite.
        """
        cleaned = [text.lower().strip() for text in texts]
        row_of = {text: row for row, text in enumerate(dict.fromkeys(cleaned))}
        total = torch.zeros(len(row_of), self.model.embed_dim, device=self.device)
        if row_of:
            for rows, vectors in self._embed_texts(list(row_of)):
                total.index_add_(0, rows, vectors)
        distinct: Vectors = F.normalize(total, dim=-1).cpu().numpy()
        self._check_finite(distinct, list(row_of))
        return distinct[[row_of[text] for text in cleaned]]

    def images(self, paths: Sequence[ImageSource]) -> Vectors:
        """Unit vectors float32 (paths, embed_dim) of image files, local or s3://, or Pillow images.

        Raises UserError naming a file that cannot be read or whose vector is not finite.
        """
        if not paths:
            return np.zeros((0, self.model.embed_dim), dtype=np.float32)
        vectors: Vectors = torch.cat(list(self._embed_images(paths))).cpu().numpy()
        self._check_finite(vectors, paths)
        return vectors

    def _check_finite(self, vectors: Vectors, inputs: Sequence[ImageSource]) -> None:
        """Raise UserError naming the first input whose vector is NaN or infinite."""
        finite = np.isfinite(vectors).all(axis=1)
        if not finite.all():
            first = str(inputs[int(np.argmin(finite))])
            raise UserError(
                f"The vector of {first[:80]!r} is not finite, computed as {self.arithmetic}. "
                "Set precision to float32, or give another model."
            )

    def _embed_texts(self, texts: Sequence[str]) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches: indices of texts, and their vectors, not normalized."""
        towers = self.towers
        budget = self.batch_size * self.model.context_length
        if self._uses_streams:
            budget = min(budget, CPU_TOKENS)
        batches = list(text_batches(self.model, texts, self.templates, budget))
        with torch.inference_mode():
            for ids in {ids for batch in batches for ids in batch.prefixes} - {*self._prefixes}:
                self._prefixes[ids] = towers.prefix(ids)

        def embed(batch: TextBatch) -> tuple[Tensor, Tensor]:
            prefixes = [self._prefixes[ids] for ids in batch.prefixes]
            prefix = Prefix.of_rows(prefixes) if prefixes else None
            vectors = towers.text(batch.ids.to(self.device, non_blocking=True), prefix)
            return torch.tensor(batch.texts, device=self.device), vectors.float()

        return in_streams(embed, batches) if self._uses_streams else one_by_one(embed, batches)

    def _embed_images(self, paths: Sequence[ImageSource]) -> Iterator[Tensor]:
        """Unit vectors float32 on the device, batch by batch."""
        towers = self.towers
        if self._uses_streams:
            share = math.ceil(len(paths) / torch.get_num_threads())
            size = min(self.batch_size, CPU_IMAGES, share)
            return in_streams(
                lambda batch: self._embed_pixels(towers, [self._pixels(path) for path in batch]),
                batched(paths, size),
            )
        loaded = prefetched(self._pixels, paths, self.batch_size, cpu_count())
        return one_by_one(functools.partial(self._embed_pixels, towers), loaded)

    def _pixels(self, source: ImageSource) -> Tensor:
        """The square image as uint8 (3, R, R)."""
        resize_mode = cast(ResizeMode, self.model.resize_mode)
        image = as_rgb(source) if isinstance(source, Image.Image) else read_image(source)
        return torch.from_numpy(square_image(image, self.model.resolution, resize_mode))

    def _embed_pixels(self, towers: InferenceTowers, images: Sequence[Tensor]) -> Tensor:
        """Unit vectors float32 on the device; the pixels are sent to it as uint8."""
        pixels = torch.stack(list(images))
        if self.device.type == "cuda":
            pixels = pixels.pin_memory().to(self.device, non_blocking=True)
        vectors = towers.image(normalize(pixels, self.model.mean, self.model.std))
        return F.normalize(vectors.float(), dim=-1)
