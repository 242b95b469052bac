"""Where to compute."""

import logging
from typing import Literal

import torch

from vitrina.errors import UserError

logger = logging.getLogger(__name__)


def choose(device: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """The torch device for a parameter; UserError when a GPU is asked for and there is none."""
    present = torch.cuda.is_available()
    if device == "cuda" and not present:
        raise UserError(
            "device is 'cuda', but torch finds no GPU here "
            f"(torch {torch.__version__}). Use 'auto' or 'cpu', or install a CUDA build of torch."
        )
    if device == "auto":
        device = "cuda" if present else "cpu"
        if not present:
            logger.info("No GPU found: computing on the CPU.")
    return torch.device(device)
