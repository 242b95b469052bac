"""The towers for inference, in the fastest precision that keeps the model's vectors."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from vitrina.errors import UserError
from vitrina.model.hardware import has_native_bfloat16
from vitrina.model.inference_towers import ComputeTarget, ImageTower, Prefix, TextTower
from vitrina.model.linear_layers import Int8Linear, LinearKind, OneDnnLinear, TorchLinear
from vitrina.model.model import ruclip
from vitrina.model.tokenize import BOS, EOS

logger = logging.getLogger(__name__)

Precision = Literal["auto", "float32", "bfloat16", "int8"]

# auto computes in bfloat16 only if all probes' vectors keep a cosine above this to float32.
MIN_COSINE = 0.999
PROBES = 8  # random images, and as many texts


@dataclass(frozen=True)
class InferenceTowers:
    """The image and the text tower for inference, without gradients.

    See :class:`ImageTower` and :class:`TextTower`; training uses
    :class:`vitrina.training.towers.TrainingTowers`.
    """

    image: Callable[[Tensor], Tensor]
    text: Callable[[Tensor, Prefix | None], Tensor]
    prefix: Callable[[tuple[int, ...]], Prefix]
    precision: str


def make_inference_towers(
    clip: ruclip.CLIP,
    device: torch.device,
    precision: Precision = "auto",
    *,
    compiled: bool = False,
) -> InferenceTowers:
    """The towers of a model on a device.

    ``auto`` is float32 on a CPU; on a GPU with native bfloat16 it is bfloat16 if that keeps the
    model's vectors. ``compiled`` uses torch.compile. Raises UserError for int8 on a GPU.
    """
    if precision == "int8" and device.type != "cpu":
        raise UserError("precision 'int8' is for CPUs. Use 'auto' or 'bfloat16' on a GPU.")
    if precision != "auto":
        return _towers(clip, device, precision, compiled)
    exact = _towers(clip, device, "float32", compiled)
    if device.type == "cpu" or not has_native_bfloat16():
        return exact
    half = _towers(clip, device, "bfloat16", compiled)
    cosine = lowest_cosine(half, exact, clip, device)
    keeps = cosine > MIN_COSINE
    logger.info(
        "The lowest cosine of bfloat16 to float32 vectors is %.5f: computing in %s.",
        cosine,
        "bfloat16" if keeps else "float32",
    )
    return half if keeps else exact


def lowest_cosine(
    one: InferenceTowers, other: InferenceTowers, clip: ruclip.CLIP, device: torch.device
) -> float:
    """The lowest cosine between both towers' vectors of the same random images and texts."""
    generator = torch.Generator().manual_seed(0)
    side = clip.visual.input_resolution
    pixels = torch.randn(PROBES, 3, side, side, generator=generator).to(device)
    words = torch.randint(EOS + 1, clip.vocab_size, (PROBES, 8), generator=generator)
    ids = F.pad(F.pad(words, (1, 0), value=BOS), (0, 1), value=EOS).to(device)
    with torch.inference_mode():
        pairs = [
            (one.image(pixels), other.image(pixels)),
            (one.text(ids, None), other.text(ids, None)),
        ]
    return min(F.cosine_similarity(a.float(), b.float()).min().item() for a, b in pairs)


def _towers(
    clip: ruclip.CLIP, device: torch.device, precision: Precision, compiled: bool
) -> InferenceTowers:
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    target = ComputeTarget(device, dtype, _kind(device, precision, compiled))
    image, text = ImageTower(clip, target), TextTower(clip, target)
    if not compiled:
        return InferenceTowers(image, text, text.prefix, precision)
    return InferenceTowers(
        torch.compile(image.__call__),
        torch.compile(text.__call__, dynamic=True),
        text.prefix,
        precision,
    )


def _kind(device: torch.device, precision: Precision, compiled: bool) -> LinearKind:
    if precision == "int8":
        return Int8Linear()
    has_onednn = device.type == "cpu" and precision == "float32" and torch.backends.mkldnn.enabled
    return OneDnnLinear() if has_onednn and not compiled else TorchLinear()
