"""The page of all benchmarks, rendered from their stored results."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.charts import bar_chart, line_chart
from benchmarks.formats import formatted, table, value_range
from benchmarks.results import Bars, Figure, Result
from benchmarks.scale import ten_million
from benchmarks.topics import TOPICS, Topic

IMAGES = "benchmarks"  # beside the page

INTRODUCTION = """# Benchmarks

`make bench` runs all benchmarks on one machine and writes this page. `python -m benchmarks --only
resize embed` runs some of them and keeps the last results of the others. Benchmarks run one after
another, each in its own process. Within a benchmark, the variants take turns, and a ratio compares
variants of the same round, so that other work on the machine slows down all of them. The tables
show the median of the rounds and their range; the verdict is on the median. The raw results are
JSON files in `docs/benchmarks/`."""


def write_page(results: Mapping[str, Result], docs: Path, note: str = "") -> Path:
    """Draw the plots and write ``benchmarks.md`` into the folder of the docs; returns its path."""
    images = docs / IMAGES
    images.mkdir(parents=True, exist_ok=True)
    for topic in TOPICS:
        if topic.name in results:
            for name, png in charts(results[topic.name]).items():
                (images / name).write_bytes(png)
    page = docs / "benchmarks.md"
    page.write_text(markdown(results, note), encoding="utf-8")
    return page


def charts(result: Result) -> dict[str, bytes]:
    """The plots of a result as PNG, by file name."""
    found = result.findings
    drawn = [*map(bar_chart, found.bars), *map(line_chart, found.lines)]
    return dict(zip(_chart_names(result), drawn, strict=True))


def markdown(results: Mapping[str, Result], note: str = "") -> str:
    """The page; ``note`` is a warning at its top, for results that mean nothing."""
    known = [topic for topic in TOPICS if topic.name in results]
    parts = [
        INTRODUCTION,
        *([f"**{note}**"] if note else []),
        "## Summary\n\n" + _summary(known, results),
        *(_section(topic, results[topic.name]) for topic in known),
        "## 10 million listings\n\n" + ten_million(results),
        "## Machine and versions\n\n" + _machines(known, results),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(topics: Sequence[Topic], results: Mapping[str, Result]) -> str:
    rows, missed = [], []
    for topic in topics:
        figures = results[topic.name].findings.figures
        if not figures:
            continue
        _check_causes(topic, figures)
        rows.append(
            (
                topic.title,
                str(sum(one.met is True for one in figures)),
                str(sum(one.met is False for one in figures)),
            )
        )
        missed += [
            f"- {topic.title}, {one.name}: {formatted(one.median)} {one.unit}".rstrip()
            + f", goal {_goal(one)}. {topic.causes.get(one.name, 'The cause is not known yet.')}"
            for one in figures
            if one.met is False
        ]
    unmeasured = [topic.title for topic in TOPICS if topic not in topics]
    parts = [table(("", "goals met", "goals missed"), rows)]
    if unmeasured:
        parts.append(f"Not measured yet: {', '.join(unmeasured)}.")
    if missed:
        parts.append("Goals missed:\n\n" + "\n".join(missed))
    return "\n\n".join(parts)


def _check_causes(topic: Topic, figures: Sequence[Figure]) -> None:
    unknown = topic.causes.keys() - {one.name for one in figures}
    if unknown:
        raise ValueError(
            f"{topic.name} gives a cause for {sorted(unknown)}, but has no such figure"
        )


def _section(topic: Topic, result: Result) -> str:
    found = result.findings
    parts = [
        f"## {topic.title}",
        found.workload,
        *([_figures_table(found.figures)] if found.figures else []),
        *map(_bars_table, found.bars),
        *map("\n".join, [[f"- {note}" for note in found.notes]] if found.notes else []),
        *(f"![{name}]({IMAGES}/{name})" for name in _chart_names(result)),
        f"`{result.command}`, {result.measured:%Y-%m-%d}, {result.seconds / 60:.1f} minutes; "
        f"system load before it {formatted(result.load_before)}.",
    ]
    return "\n\n".join(parts)


def _figures_table(figures: Sequence[Figure]) -> str:
    head = ("", "goal", "median", "range", "verdict")
    return table(head, [_figure_row(one) for one in figures])


def _figure_row(figure: Figure) -> tuple[str, ...]:
    verdict = {True: "met", False: "**missed**", None: ""}[figure.met]
    median = f"{formatted(figure.median)} {figure.unit}".rstrip()
    return figure.name, _goal(figure), median, value_range(figure.values), verdict


def _goal(figure: Figure) -> str:
    if figure.at_least is not None:
        return f"≥ {figure.at_least:g}"
    return "" if figure.at_most is None else f"≤ {figure.at_most:g}"


def _bars_table(bars: Bars) -> str:
    rows = [
        (name, formatted(bars.median(name)), value_range(values))
        for name, values in bars.variants.items()
    ]
    return table((bars.title, bars.unit, "range"), rows)


def _chart_names(result: Result) -> list[str]:
    count = len(result.findings.bars) + len(result.findings.lines)
    return [f"{result.topic}-{number}.png" for number in range(1, count + 1)]


def _machines(topics: Sequence[Topic], results: Mapping[str, Result]) -> str:
    """A paragraph per machine: its hardware, its versions, and the topics measured on it."""
    titles: dict[str, list[str]] = {}
    for topic in topics:
        titles.setdefault(results[topic.name].machine.model_dump_json(), []).append(topic.title)
    parts = []
    for measured in titles.values():
        topic = next(topic for topic in topics if topic.title == measured[0])
        machine = results[topic.name].machine
        versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
        gpu = f"{machine.gpu}, " if machine.gpu else ""
        text = f"{gpu}{machine.cpu}, {machine.cores} cores, {machine.memory_gb} GB. {versions}."
        parts.append(text if len(titles) == 1 else f"{', '.join(measured)}: {text}")
    return "\n\n".join(parts)
