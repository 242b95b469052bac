"""Embed tables from Python: load a model once, then embed any number of tables."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from vitrina.catalog.text_template import TextTemplate
from vitrina.config.text import ListingConfig, SeveralImages
from vitrina.embedding.listings import embed_listings
from vitrina.embedding.stored import run_origin
from vitrina.store.paths import to_path

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    from PIL import Image

    from vitrina.embedding.embedder import Embedder, Templates
    from vitrina.embedding.encoder import ImageSource
    from vitrina.embedding.precision import Precision
    from vitrina.model.model import RuCLIP

    ImageInput = str | os.PathLike[str] | Image.Image


class TextDataset:
    """Pairs of a text and its image's path: a map-style dataset for torch's DataLoader.

    Raises ValueError if there are not as many texts as paths.
    """

    def __init__(self, texts: Sequence[str], image_paths: Sequence[str]) -> None:
        if len(texts) != len(image_paths):
            raise ValueError(f"{len(texts)} texts for {len(image_paths)} images")
        self.texts = list(texts)
        self.image_paths = list(image_paths)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, row: int) -> tuple[str, str]:
        return self.texts[row], self.image_paths[row]


class EmbeddingPipeline:
    """Embeds tables with a ruCLIP model or a fine-tuned checkpoint of one."""

    TextDataset = TextDataset

    def __init__(
        self,
        base_model_name: str,
        fine_tuned_model_path: str | None = None,
        device: Literal["auto", "cpu", "cuda"] | None = None,
        *,
        templates: "Templates | tuple[str, ...] | None" = None,
        text: str | None = None,
        several_images: SeveralImages | None = None,
        precision: "Precision" = "float32",
    ) -> None:
        """Load the model of a name, or of a local or s3:// folder, or its fine-tuned ``.pth``.

        Without ``device`` a GPU is used if there is one. ``templates`` are by default those that
        the latest run embedded with, if the folder is the one that it keeps its model in, else
        ruclip's. So are ``text``, the template of a listing's text, else the one that the model was
        trained with, and ``several_images``, else the mean of a listing's images. ``precision`` may
        be that of ``embed.precision``; in float32 vectors equal ruclip.Predictor's. Raises
        UserError if there is no such model, the checkpoint has another architecture, or ``text`` is
        no template.
        """
        # torch takes seconds to import; help and wrong arguments answer without it
        from vitrina.model.device import choose

        if text:
            TextTemplate.parse(text)
        self.precision = precision
        self.model = _load(base_model_name, fine_tuned_model_path)
        self.device = choose(device or "auto")
        found = None if fine_tuned_model_path else run_origin(to_path(base_model_name))
        self.templates: Templates | tuple[str, ...] = templates or (
            found.templates if found else "ruclip"
        )
        self.listing = ListingConfig(
            text=text or (found.text if found else self.model.text),
            several_images=several_images or (found.several_images if found else "mean"),
        )

    def get_embeddings(
        self, df: "pd.DataFrame", batch_size: int = 32
    ) -> tuple["npt.NDArray[np.float32]", "npt.NDArray[np.float32]"]:
        """The vectors of the images at ``image_path`` and of the listings' texts, in this order.

        A text is the column ``title``, or what the template ``text`` makes of other columns. Where
        there is a column ``image_paths`` of lists, the mean of a row's images counts. Both arrays
        are float32 (rows, embed_dim) of unit length, equal to ruclip.Predictor's. Raises UserError
        naming an image that cannot be read or a column that is missing.
        """
        vectors = embed_listings(self.embedder(batch_size), df, self.listing)
        return vectors.img, vectors.text

    def encode_texts(self, texts: Sequence[str], batch_size: int = 32) -> "npt.NDArray[np.float32]":
        """Unit vectors float32 (texts, embed_dim)."""
        return self.embedder(batch_size).texts(several_texts(texts))

    def encode_images(
        self, images: "Sequence[ImageInput]", batch_size: int = 32
    ) -> "npt.NDArray[np.float32]":
        """Unit vectors float32 (images, embed_dim) of files, local or s3://, or Pillow images.

        Raises UserError naming an image that cannot be read.
        """
        return self.embedder(batch_size).images(several_images(images))

    def embedder(self, batch_size: int = 32) -> "Embedder":
        """What embeds with the model as it is now; to embed often, keep it."""
        from vitrina.embedding.embedder import Embedder

        return Embedder(self.model, self.device, batch_size, self.templates)


def several_texts(texts: Sequence[str]) -> Sequence[str]:
    """The texts. Raises TypeError for a single one, whose letters would be embedded."""
    if isinstance(texts, str):
        raise TypeError("expected a list of texts, got a single text")
    return texts


def several_images(images: "Sequence[ImageInput]") -> "list[ImageSource]":
    """Paths and Pillow images. Raises TypeError for a single one."""
    from PIL import Image

    if isinstance(images, str | os.PathLike | Image.Image):
        raise TypeError("expected a list of images, got a single image")
    return [one if isinstance(one, Image.Image) else to_path(one) for one in images]


def _load(source: str, checkpoint: str | None) -> "RuCLIP":
    # torch takes seconds to import; help and wrong arguments answer without it
    from vitrina.model.model import load_folder
    from vitrina.model.source import cache_folder, find_model, local_model, open_checkpoint

    if checkpoint is not None:
        return open_checkpoint(checkpoint, source)
    return load_folder(local_model(str(find_model(source, cache_folder()))))
