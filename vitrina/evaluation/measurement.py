"""What measuring a model gives: metrics, counts of rows, and examples."""

from vitrina.config import Parameters


class Example(Parameters):
    """A held-out title and the images nearest to it; rows are positions in the table."""

    row: int
    rank: int  # of the first relevant image, from 1
    found: tuple[int, ...]
    relevant: tuple[bool, ...]
    cosine: tuple[float, ...]


class Measurement(Parameters):
    """The metrics of one model, the counts of rows behind them, and examples of its results."""

    metrics: dict[str, float]
    counts: dict[str, int]
    examples: tuple[Example, ...]
