"""What a benchmark found, as a file: figures with their goals, rates to draw, rates to reckon with.

A benchmark writes its :class:`Findings`; ``python -m benchmarks`` adds when, where and how they
were found, keeps them beside the page and draws the page from them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Self

import pandas as pd
from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Frozen; a file of another shape is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(Record):
    """A measured figure, a value per round, and the limit that its median is to keep, if any."""

    name: str
    values: tuple[float, ...]
    unit: str = "times"
    at_least: float | None = None
    at_most: float | None = None

    @property
    def median(self) -> float:
        """The middle round."""
        return median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the median keeps the limit; None without one."""
        if self.at_least is not None:
            return self.median >= self.at_least
        if self.at_most is not None:
            return self.median <= self.at_most
        return None


class Bars(Record):
    """A rate of each way, a value per round."""

    title: str
    unit: str
    ways: dict[str, tuple[float, ...]]

    def median(self, way: str) -> float:
        """The middle round of a way."""
        return median(self.ways[way])


class Lines(Record):
    """What becomes of something as something else grows."""

    title: str
    x: str
    y: str
    lines: dict[str, dict[int, float]]


class Findings(Record):
    """All that a benchmark found. ``rates`` are those that other pages reckon with."""

    load: str
    figures: tuple[Figure, ...] = ()
    bars: tuple[Bars, ...] = ()
    lines: tuple[Lines, ...] = ()
    rates: dict[str, float] = {}
    notes: tuple[str, ...] = ()

    @classmethod
    def joined(cls, load: str, parts: Iterable[Self]) -> Self:
        """Several findings as those of one benchmark, under one description of the load."""
        parts = list(parts)
        return cls(
            load=load,
            figures=tuple(one for part in parts for one in part.figures),
            bars=tuple(one for part in parts for one in part.bars),
            lines=tuple(one for part in parts for one in part.lines),
            rates={name: rate for part in parts for name, rate in part.rates.items()},
            notes=tuple(one for part in parts for one in part.notes),
        )


class Machine(Record):
    """Where a benchmark ran, and with which versions."""

    cpu: str
    cores: int
    memory_gb: int
    versions: dict[str, str]
    gpu: str = ""


class Result(Record):
    """Findings with when, where and how they were found."""

    topic: str
    command: str
    measured: datetime
    seconds: float
    load_before: float  # how many processes were busy or waiting before the benchmark began
    machine: Machine
    findings: Findings


def bars(title: str, unit: str, ways: Mapping[str, Iterable[float]] | pd.DataFrame) -> Bars:
    """Bars of any numbers, NumPy's among them; of a table each column is a way."""
    plain = {str(name): tuple(float(one) for one in values) for name, values in ways.items()}
    return Bars(title=title, unit=unit, ways=plain)


def ratios(numerators: Iterable[float], denominators: Iterable[float]) -> tuple[float, ...]:
    """The ratio of each round."""
    pairs = zip(numerators, denominators, strict=True)
    return tuple(float(one) / float(other) for one, other in pairs)


def show(findings: Findings) -> None:
    """Print each figure: its middle round, and all of them."""
    for figure in findings.figures:
        values = ", ".join(f"{value:.4g}" for value in figure.values)
        print(f"{figure.name:<70} {figure.median:9.4g} {figure.unit:<14} ({values})")


def keep(findings: Findings, path: Path | None) -> None:
    """Write the findings where they were asked for, if they were."""
    if path is not None:
        path.write_text(findings.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_results(folder: Path) -> dict[str, Result]:
    """The last result of each topic by its name; raises ValueError for a file of another shape."""
    found = (
        Result.model_validate_json(path.read_bytes()) for path in sorted(folder.glob("*.json"))
    )
    return {one.topic: one for one in found}


def write_result(result: Result, folder: Path) -> None:
    """Keep a result as its topic's last one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.topic}.json"
    path.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
