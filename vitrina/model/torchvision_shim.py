"""Makes ``import ruclip`` work beside a CPU-only torch.

ruclip imports torchvision for a Pillow crop and resize. The published Linux wheel of torchvision is
built against CUDA; beside a CPU-only torch its binary does not load, and its import fails with
``operator torchvision::nms does not exist``. Declaring two operators' schemas is enough.
"""

import importlib.util
from pathlib import Path

import torch

OPERATOR_SCHEMAS = {
    "torchvision::nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "torchvision::qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def declare_missing_operators() -> None:
    """Declare the two operators' schemas unless torchvision's binary or an earlier call did."""
    if _binary_loads():
        return
    for name, schema in OPERATOR_SCHEMAS.items():
        if not _is_declared(name):
            torch.library.define(name, schema)


def _is_declared(name: str) -> bool:
    package, operator = name.split("::")
    return hasattr(getattr(torch.ops, package), operator)


def _binary_loads() -> bool:
    """Whether torchvision's binary loads; ModuleNotFoundError if it is not installed."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("torchvision is not installed; ruclip imports it")
    binary = next(Path(spec.origin).parent.glob("_C*.so"), None)
    if binary is None:
        return False
    try:
        torch.ops.load_library(str(binary))  # type: ignore[no-untyped-call] # torch has no type for it
    except OSError:
        return False
    return True
