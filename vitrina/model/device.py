"""The torch device that computes."""

import logging
from typing import Literal

import torch

from vitrina.errors import UserError

logger = logging.getLogger(__name__)


def choose(device: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """The torch device of the parameter ``device``; ``auto`` prefers a GPU.

    Raises UserError if ``cuda`` is asked for and torch finds no GPU.
    """
    has_gpu = torch.cuda.is_available()
    if device == "cuda" and not has_gpu:
        raise UserError(
            "device is 'cuda', but torch finds no GPU here "
            f"(torch {torch.__version__}). Use 'auto' or 'cpu', or install a CUDA build of torch."
        )
    if device == "auto":
        device = "cuda" if has_gpu else "cpu"
        if not has_gpu:
            logger.info("No GPU found: computing on the CPU.")
    return torch.device(device)
