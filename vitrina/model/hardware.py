"""The arithmetic that this machine computes with: which device, and which precision on it.

It is part of every key of vectors, weights and metrics, so that those of different arithmetic are
never taken for each other. Without a GPU the answer needs no torch, which takes seconds to import.
"""

import functools
import importlib.util
import runpy
from pathlib import Path
from typing import Literal

from vitrina.config import EmbedConfig, EvaluateConfig, TrainConfig

Device = Literal["auto", "cpu", "cuda"]
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


def device_type(device: Device) -> Literal["cpu", "cuda"]:
    """The device that a parameter stands for on this machine."""
    if device != "auto":
        return device
    return "cuda" if has_gpu() else "cpu"


def embedding_arithmetic(config: EmbedConfig | EvaluateConfig) -> str:
    """Device and precision of vectors, such as ``cpu float32``."""
    device = device_type(config.device)
    precision = config.precision if isinstance(config, EmbedConfig) else "auto"
    if precision != "auto":
        return f"{device} {precision}"
    if device == "cuda" and has_native_bfloat16():
        return "cuda auto, bfloat16 or float32"  # which one follows from the model's own vectors
    return f"{device} float32"


def training_arithmetic(config: TrainConfig) -> str:
    """Device and precision of a training, such as ``cuda bfloat16``."""
    return f"{device_type(config.device)} {training_precision(config)}"


def training_precision(config: TrainConfig) -> Literal["float32", "bfloat16"]:
    """The precision that a training computes with."""
    if config.precision != "auto":
        return config.precision
    is_faster = device_type(config.device) == "cuda" and has_native_bfloat16()
    return "bfloat16" if is_faster else "float32"


@functools.cache
def has_gpu() -> bool:
    """Whether torch can compute on a GPU here."""
    if not _built_with_cuda() or not NVIDIA_DRIVER.exists():
        return False
    import torch

    return torch.cuda.is_available()


@functools.cache
def has_native_bfloat16() -> bool:
    """Whether the GPU computes in bfloat16 itself; older ones only emulate it, slowly."""
    import torch

    return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)


def _built_with_cuda() -> bool:
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    version = runpy.run_path(str(Path(spec.origin).with_name("version.py")))
    return version.get("cuda") is not None or version.get("hip") is not None
