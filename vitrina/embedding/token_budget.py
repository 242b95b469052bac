"""Batches of token ids that take about the same time."""

from collections.abc import Iterator, Sequence


def batch_slices(lengths: Sequence[int], token_budget: int) -> Iterator[slice]:
    """Slices of rows, sorted by length, within the budget when padded to their longest row.

    A single row longer than the budget is a slice of its own.
    """
    start = 0
    for end in range(1, len(lengths) + 1):
        if end == len(lengths) or (end + 1 - start) * lengths[end] > token_budget:
            yield slice(start, end)
            start = end
