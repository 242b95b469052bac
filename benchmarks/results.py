"""The results of a benchmark as a file: figures with goals, values to plot, rates to estimate with.

A benchmark writes its :class:`Findings`. ``python -m benchmarks`` adds time, machine and command,
stores the result beside the page and renders the page from it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Self

import pandas as pd
from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen model; a file with other fields is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(Record):
    """A measured figure: a value per round, and the goal for their median, if it has one."""

    name: str
    values: tuple[float, ...]
    unit: str = "times"
    at_least: float | None = None
    at_most: float | None = None

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the median meets the goal; None without one."""
        if self.at_least is not None:
            return self.median >= self.at_least
        if self.at_most is not None:
            return self.median <= self.at_most
        return None


class Bars(Record):
    """A bar chart: the rate of each variant, with a value per round."""

    title: str
    unit: str
    variants: dict[str, tuple[float, ...]]

    def median(self, variant: str) -> float:
        """The median of a variant's rounds."""
        return median(self.variants[variant])


class Lines(Record):
    """A line chart: y by x for each name."""

    title: str
    x: str
    y: str
    lines: dict[str, dict[int, float]]


class Findings(Record):
    """Everything a benchmark measured; estimates for larger catalogues are made from ``rates``."""

    workload: str
    figures: tuple[Figure, ...] = ()
    bars: tuple[Bars, ...] = ()
    lines: tuple[Lines, ...] = ()
    rates: dict[str, float] = {}
    notes: tuple[str, ...] = ()

    @classmethod
    def merged(cls, workload: str, parts: Iterable[Self]) -> Self:
        """The findings of several comparisons as those of one benchmark."""
        parts = list(parts)
        return cls(
            workload=workload,
            figures=tuple(one for part in parts for one in part.figures),
            bars=tuple(one for part in parts for one in part.bars),
            lines=tuple(one for part in parts for one in part.lines),
            rates={name: rate for part in parts for name, rate in part.rates.items()},
            notes=tuple(one for part in parts for one in part.notes),
        )


class Machine(Record):
    """The machine that a benchmark ran on, and the versions of its packages."""

    cpu: str
    cores: int
    memory_gb: int
    versions: dict[str, str]
    gpu: str = ""


class Result(Record):
    """Findings with the time, the machine and the command of their measurement."""

    topic: str
    command: str
    measured: datetime
    seconds: float
    load_before: float  # the system's load average before the benchmark
    machine: Machine
    findings: Findings


def bars(title: str, unit: str, variants: Mapping[str, Iterable[float]] | pd.DataFrame) -> Bars:
    """Bars of any numbers, NumPy's included; each column of a table is a variant."""
    plain = {str(name): tuple(float(one) for one in values) for name, values in variants.items()}
    return Bars(title=title, unit=unit, variants=plain)


def ratios(numerators: Iterable[float], denominators: Iterable[float]) -> tuple[float, ...]:
    """The ratio of each round."""
    pairs = zip(numerators, denominators, strict=True)
    return tuple(float(one) / float(other) for one, other in pairs)


def print_figures(findings: Findings) -> None:
    """Print the median and all rounds of each figure."""
    for figure in findings.figures:
        values = ", ".join(f"{value:.4g}" for value in figure.values)
        print(f"{figure.name:<86} {figure.median:9.4g} {figure.unit:<14} ({values})")


def write_findings(findings: Findings, path: Path | None) -> None:
    """Write the findings as JSON if a path is given."""
    if path is not None:
        path.write_text(findings.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_results(folder: Path) -> dict[str, Result]:
    """The stored results by topic; raises ValueError for a file with other fields."""
    found = (
        Result.model_validate_json(path.read_bytes()) for path in sorted(folder.glob("*.json"))
    )
    return {one.topic: one for one in found}


def write_result(result: Result, folder: Path) -> None:
    """Store a result; it replaces the last one of its topic."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.topic}.json"
    path.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
