"""What turns texts and images into unit vectors, whatever computes them."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image
from upath import UPath

from vitrina.results import VectorOrigin

Vectors = npt.NDArray[np.float32]
ImageSource = str | UPath | Image.Image


class Encoder(Protocol):
    """Embeds texts and images with one model."""

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors float32 (texts, embed_dim)."""
        ...

    def images(self, paths: Sequence[ImageSource]) -> Vectors:
        """Unit vectors float32 (paths, embed_dim) of image files, local or s3://, or Pillow images.

        Raises UserError naming a file that cannot be read.
        """
        ...


class CheckedEncoder(Encoder, Protocol):
    """An encoder that knows which stored vectors its own can be compared with."""

    def check(self, origin: VectorOrigin) -> None:
        """Raise UserError unless stored vectors of this origin can be compared with its own."""
        ...
