"""Write the two towers of a model as ONNX files."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from vitrina.errors import UserError
from vitrina.model.forward import encode_image, encode_text
from vitrina.model.image_input import normalize
from vitrina.model.model import RuCLIP
from vitrina.model.tokenize import BOS, EOS
from vitrina.onnx_export.folder import IMAGE, TEXT

OPSET = 20
MAX_BYTES = 2**31 - 2**20  # of weights: a file of protobuf holds 2 GB
IDS, PIXELS, VECTORS = "ids", "pixels", "vectors"


class TextModel(nn.Module):
    """int64 token ids (batch, length) to vectors (batch, embed_dim), not normalized."""

    def __init__(self, model: RuCLIP) -> None:
        super().__init__()
        self.clip = model.clip

    def forward(self, ids: Tensor) -> Tensor:
        """Rows end with eos and are padded on the right."""
        return encode_text(self.clip, ids)


class ImageModel(nn.Module):
    """uint8 pixels (batch, 3, R, R) to vectors (batch, embed_dim), not normalized."""

    def __init__(self, model: RuCLIP) -> None:
        super().__init__()
        self.clip, self.mean, self.std = model.clip, model.mean, model.std

    def forward(self, pixels: Tensor) -> Tensor:
        """RGB, 0 to 255; the colours' mean and standard deviation are applied here."""
        return encode_image(self.clip, normalize(pixels, self.mean, self.std))


def write_towers(model: RuCLIP, folder: Path) -> None:
    """Write text.onnx and image.onnx, in float32, for batches of any size and texts of any length.

    Raises UserError if a tower is too large for one file.
    """
    side = model.resolution
    ids = torch.tensor([[BOS, EOS + 1, EOS, 0], [BOS, EOS + 1, EOS + 2, EOS]])
    pixels = torch.zeros(2, 3, side, side, dtype=torch.uint8)
    length = Dim("length", min=2, max=model.context_length)
    batch = Dim("batch")
    _write(TextModel(model), ids, IDS, {0: batch, 1: length}, folder / TEXT)
    _write(ImageModel(model), pixels, PIXELS, {0: batch}, folder / IMAGE)


def _write(
    tower: TextModel | ImageModel, example: Tensor, name: str, dynamic: dict[int, Any], path: Path
) -> None:
    size = sum(weight.nbytes for weight in _used(tower))
    if size > MAX_BYTES:
        raise UserError(
            f"{path.name} would be {size / 1e9:.1f} GB, and an ONNX file holds 2 GB of weights: "
            "this model is too large to be exported."
        )
    with _quiet(), torch.inference_mode():
        torch.onnx.export(
            tower.eval(),
            (example,),
            path,
            dynamo=True,
            opset_version=OPSET,
            input_names=[name],
            output_names=[VECTORS],
            dynamic_shapes=(dynamic,),
            external_data=False,
            verbose=False,
        )


def _used(tower: TextModel | ImageModel) -> Iterator[Tensor]:
    """The weights of this tower: those of the image tower are all in ``visual``."""
    for name, weight in tower.clip.named_parameters():
        if name.startswith("visual.") == isinstance(tower, ImageModel):
            yield weight


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says about its own passes; its errors are raised."""
    logger = logging.getLogger("onnxscript")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
