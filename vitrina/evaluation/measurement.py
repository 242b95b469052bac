"""The evaluation of one model: metrics, row counts and example queries."""

from vitrina.config.parameters import Parameters

Metrics = dict[str, float]


class Example(Parameters):
    """A held-out title and the images nearest to it; rows are positions in the table."""

    row: int
    rank: int  # of the first relevant image, from 1
    nearest: tuple[int, ...]  # rows, the nearest image first
    relevant: tuple[bool, ...]  # whether each of them shows the title's product
    cosine: tuple[float, ...]


class Measurement(Parameters):
    """The metrics of one model, the row counts behind them, and example queries."""

    metrics: Metrics
    counts: dict[str, int]
    examples: tuple[Example, ...]
