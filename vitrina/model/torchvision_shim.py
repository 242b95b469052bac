"""Makes ``import ruclip`` work beside a CPU-only torch.

ruclip imports torchvision for a Pillow crop and resize. The published Linux wheel of torchvision is
built against CUDA; beside a CPU-only torch its binary does not load and its import then fails with
``operator torchvision::nms does not exist``. Only the schemas of two operators are missed.
"""

import importlib.util
from pathlib import Path

import torch

MISSED_SCHEMAS = {
    "torchvision::nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "torchvision::qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def declare_missing_operators() -> None:
    """Declare torchvision's two schemas unless its own binary brings them."""
    if not _binary_loads():
        for name, schema in MISSED_SCHEMAS.items():
            torch.library.define(name, schema)


def _binary_loads() -> bool:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("torchvision, which ruclip imports, is not installed")
    binary = next(Path(spec.origin).parent.glob("_C*.so"), None)
    if binary is None:
        return False
    try:
        torch.ops.load_library(str(binary))  # type: ignore[no-untyped-call] # torch has no type for it
    except OSError:
        return False
    return True
