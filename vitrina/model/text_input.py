"""Token ids as the input of the text tower."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vitrina.model.tokenize import PAD


def pad(rows: Sequence[Sequence[int]]) -> Tensor:
    """The rows as an int64 tensor (batch, longest row), padded with zeros on the right."""
    longest = max(map(len, rows), default=0)
    return torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows], dtype=torch.long)
