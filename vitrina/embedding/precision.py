"""The towers for inference, in the fastest precision that keeps the model's vectors."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from vitrina.errors import UserError
from vitrina.model.hardware import is_narrow, prefers_bfloat16
from vitrina.model.inference_towers import ComputeTarget, ImageTower, Prefix, TextTower
from vitrina.model.linear_layers import Int8Linear, LinearKind, OneDnnLinear, TorchLinear
from vitrina.model.model import ruclip
from vitrina.model.tokenize import BOS, EOS

logger = logging.getLogger(__name__)

Precision = Literal["auto", "float32", "bfloat16", "int8"]

# auto computes in bfloat16 only if all probes' vectors keep a cosine above this to float32.
MIN_COSINE = 0.999
PROBES = 8  # images, and as many texts


class Probes(NamedTuple):
    """Inputs by which two precisions are compared."""

    pixels: Tensor  # float32 (images, 3, R, R), normalized
    ids: Tensor  # int64 (texts, length)


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
    probes: Probes | None = None,
) -> InferenceTowers:
    """The towers of a model on a device.

    ``auto`` is bfloat16 where the hardware computes faster in it and the vectors of ``probes``, by
    default random ones, keep a cosine above 0.999 to float32; elsewhere float32. ``compiled`` uses
    torch.compile. Raises UserError for int8 on a GPU.
    """
    if precision == "int8" and device.type != "cpu":
        raise UserError("precision 'int8' is for CPUs. Use 'auto' or 'bfloat16' on a GPU.")
    if precision != "auto":
        return _towers(clip, device, precision, compiled)
    exact = _towers(clip, device, "float32", compiled)
    if not prefers_bfloat16(device.type) or is_narrow(clip.visual.transformer.width):
        return exact
    half = _towers(clip, device, "bfloat16", compiled)
    comparison = compare(half, exact, probes or random_probes(clip), device)
    keeps = comparison.cosine > MIN_COSINE
    logger.info(
        "bfloat16 is %.1f times as fast as float32, and the lowest cosine to its vectors is %.5f: "
        "computing in %s.",
        comparison.speed_up,
        comparison.cosine,
        "bfloat16" if keeps else "float32",
    )
    return half if keeps else exact


class Comparison(NamedTuple):
    """How towers compare with others on the same probes."""

    cosine: float  # the lowest between their vectors
    speed_up: float  # on the probes' images


def compare(
    one: InferenceTowers, other: InferenceTowers, probes: Probes, device: torch.device
) -> Comparison:
    """Compare the vectors and the times of two pairs of towers."""
    pixels, ids = probes.pixels.to(device), probes.ids.to(device)
    with torch.inference_mode():
        pairs = [
            (one.image(pixels), other.image(pixels)),
            (one.text(ids, None), other.text(ids, None)),
        ]
        seconds = [_seconds(towers.image, pixels) for towers in (one, other)]
    cosines = [F.cosine_similarity(a.float(), b.float()).min().item() for a, b in pairs]
    return Comparison(min(cosines), seconds[1] / seconds[0])


def _seconds(tower: Callable[[Tensor], Tensor], pixels: Tensor) -> float:
    begin = time.perf_counter()
    tower(pixels).cpu()  # waits for a GPU
    return time.perf_counter() - begin


def random_probes(clip: ruclip.CLIP) -> Probes:
    """The same random images and texts each time."""
    generator = torch.Generator().manual_seed(0)
    side = clip.visual.input_resolution
    pixels = torch.randn(PROBES, 3, side, side, generator=generator)
    words = torch.randint(EOS + 1, clip.vocab_size, (PROBES, 8), generator=generator)
    return Probes(pixels, F.pad(F.pad(words, (1, 0), value=BOS), (0, 1), value=EOS))


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
    if device.type != "cpu" or compiled or not torch.backends.mkldnn.enabled:
        return TorchLinear()
    # oneDNN refuses bfloat16 on processors without AVX-512.
    supports = precision == "float32" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return OneDnnLinear() if supports else TorchLinear()
