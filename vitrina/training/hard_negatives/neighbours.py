"""The nearest listings of other products, exactly, in blocks of bounded memory."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vitrina.training.hard_negatives.false_negatives import (
    REASONS,
    TOO_NEAR,
    KnownMatches,
    highest_scores,
)

BLOCK_SCORES = 2**22  # at a time: 16 MB of float32, 100 MB with all that is computed from them
NONE = -1  # in place of a neighbour


@dataclass(frozen=True)
class Neighbours:
    """``nearest`` int64 (rows, count): nearest first, NONE where a listing has fewer.

    ``kept_out`` int64 (reasons,): pairs that are nearer than a listing's last neighbour and are no
    negatives, by the first of REASONS that applies.
    """

    nearest: Tensor
    kept_out: Tensor


def find_neighbours(
    image: Tensor, text: Tensor, matches: KnownMatches, count: int, own: slice
) -> Neighbours:
    """Up to ``count`` negatives with the highest scores of each of the ``own`` rows.

    Args:
        image: float32 (rows, dim), of unit length.
        text: float32 (rows, dim), of unit length.
        matches: the pairs that are no negatives by what is known of them.
        count: neighbours of a listing at most.
        own: the rows whose neighbours are wanted, a slice with both ends.

    The score of two listings is what the loss makes of them: the mean of the cosines of the one's
    image with the other's text and of the other's image with the one's text. It is symmetric, and
    so are the rules: a neighbour is further than the scores of both listings allow.
    """
    rows, device = len(image), image.device
    highest = highest_scores((image * text).sum(dim=1))
    # Allocated once: small results between large temporaries would scatter the memory.
    nearest = torch.empty(own.stop - own.start, min(count, rows), dtype=torch.int64, device=device)
    kept_out = torch.zeros(len(REASONS), dtype=torch.int64, device=device)
    step = max(1, BLOCK_SCORES // max(1, rows))
    for first in range(own.start, own.stop, step):
        block = slice(first, min(first + step, own.stop))
        scores = torch.addmm(image[block] @ text.T, text[block], image.T).mul_(0.5)
        itself = torch.arange(block.start, block.stop, device=device)
        scores[itself - block.start, itself] = -torch.inf
        is_match = {
            reason: torch.from_numpy(mask).to(device)
            for reason, mask in matches.with_all(block).items()
        }
        is_match[TOO_NEAR] = scores > torch.minimum(highest[block, None], highest[None, :])
        negatives = scores.clone()
        for mask in is_match.values():
            negatives.masked_fill_(mask, -torch.inf)
        found = negatives.topk(nearest.shape[1], dim=1)
        indices = found.indices.masked_fill(found.values == -torch.inf, NONE)
        nearest[block.start - own.start : block.stop - own.start] = indices
        nearer = (scores >= found.values[:, -1:]) & (scores > -torch.inf)
        for index, reason in enumerate(REASONS):
            if reason in is_match:
                kept_out[index] += torch.count_nonzero(is_match[reason] & nearer)
                nearer &= ~is_match[reason]
    return Neighbours(nearest, kept_out)
