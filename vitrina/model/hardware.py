"""The arithmetic that results are computed in: the device, and the precision on it.

It is part of the key of vectors, weights and metrics, so that results of different arithmetic are
never mistaken for each other. Where torch is built for CPUs, nothing here imports it: that takes
seconds, and a stored result is found without.
"""

import ctypes
import functools
import importlib.util
import runpy
from pathlib import Path
from typing import Literal

from vitrina.config.embedding import EmbedConfig
from vitrina.config.evaluation import EvaluateConfig
from vitrina.config.training import TrainConfig
from vitrina.model import processor

Device = Literal["auto", "cpu", "cuda"]
NVIDIA_DRIVER = "libcuda.so.1"
NARROW = 256  # the width of ruclip-vit-base is 768, that of the demo's model 64
ON_WORKERS = "on each worker"  # the resolved precision is not known on this machine


def device_type(device: Device) -> Literal["cpu", "cuda"]:
    """The type of the device that a parameter means on this machine."""
    if device != "auto":
        return device
    return "cuda" if has_gpu() else "cpu"


def embedding_arithmetic(config: EmbedConfig | EvaluateConfig) -> str:
    """Device and precision of vectors, such as ``cpu float32``.

    ``auto`` after the device stands for bfloat16 or float32, whichever the model's own vectors
    allow (:func:`vitrina.embedding.precision.make_inference_towers`). Without a GPU here, the
    precision on ``cuda`` is up to the workers of a cluster.
    """
    precision = config.precision if isinstance(config, EmbedConfig) else "auto"
    return _arithmetic(device_type(config.device), precision)


def training_arithmetic(config: TrainConfig) -> str:
    """Device and precision of a training, such as ``cpu float32``.

    ``auto`` after the device stands for bfloat16, or for float32 if the model is narrow. Without a
    GPU here, what ``auto`` means is up to the workers of a cluster.
    """
    on_ray = config.processes > 1 and config.launcher == "ray"
    if config.device == "auto" and on_ray and not has_gpu():
        return f"auto {config.precision} {ON_WORKERS}"
    return _arithmetic(device_type(config.device), config.precision)


def _arithmetic(device: str, precision: str) -> str:
    if precision != "auto":
        return f"{device} {precision}"
    if device == "cuda" and not has_gpu():
        return f"cuda auto {ON_WORKERS}"
    return f"{device} auto" if prefers_bfloat16(device) else f"{device} float32"


def training_precision(config: TrainConfig, width: int) -> Literal["float32", "bfloat16"]:
    """The precision that a model whose image tower has this width is trained in here."""
    if config.precision != "auto":
        return config.precision
    prefers = prefers_bfloat16(device_type(config.device)) and not is_narrow(width)
    return "bfloat16" if prefers else "float32"


def is_narrow(width: int) -> bool:
    """Whether matrices are so small that casting costs more than bfloat16 saves."""
    return width < NARROW


def prefers_bfloat16(device: str) -> bool:
    """Whether ``auto`` tries bfloat16: where the hardware has it and computes faster in it."""
    return has_native_bfloat16() if device == "cuda" else processor.prefers_bfloat16()


@functools.cache
def has_gpu() -> bool:
    """Whether torch can compute on a GPU of this machine."""
    if not _may_have_gpu():
        return False
    import torch

    return torch.cuda.is_available()


def gpu_count() -> int:
    """Number of GPUs of this machine that torch can use."""
    if not has_gpu():
        return 0
    import torch

    return torch.cuda.device_count()


@functools.cache
def has_native_bfloat16() -> bool:
    """Whether the GPU computes in bfloat16 itself; older ones emulate it, slowly."""
    if not has_gpu():
        return False
    import torch

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def _may_have_gpu() -> bool:
    """A cheap check without importing torch: a GPU build, and an installed driver."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    built_for = runpy.run_path(str(Path(spec.origin).with_name("version.py")))
    if built_for.get("hip") is not None:  # AMD
        return True
    return built_for.get("cuda") is not None and _loads(NVIDIA_DRIVER)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
