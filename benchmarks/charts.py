"""Plots of the benchmarks as PNG: bars per variant, lines by the size of a table."""

import io

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from benchmarks.formats import formatted
from benchmarks.results import Bars, Lines

DPI = 110
INK, GRID = "#333333", "#d9d9d9"
OURS, OTHERS = "#1b6ca8", "#a9b4bd"
COLOURS = ("#1b6ca8", "#e08e0b", "#7b4fa3", "#2a9d4a", "#c0392b", "#555555")
LOG_RATIO = 8  # y values with a larger ratio are plotted on a logarithmic axis


def bar_chart(bars: Bars) -> bytes:
    """A bar per variant at the median, with a whisker from the lowest to the highest round."""
    figure = Figure(figsize=(7.5, 0.7 + 0.42 * len(bars.variants)), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    for row, (name, values) in enumerate(bars.variants.items()):
        middle = bars.median(name)
        axes.barh(row, middle, 0.62, color=OURS if name.startswith("ours") else OTHERS)
        axes.plot([min(values), max(values)], [row, row], color=INK, linewidth=1.2)
        end = max(max(values), middle)
        axes.annotate(
            formatted(middle),
            (end, row),
            (4, 0),
            textcoords="offset points",
            va="center",
            color=INK,
        )
    axes.set_yticks(range(len(bars.variants)), list(bars.variants))
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12 * max(max(values) for values in bars.variants.values()))
    axes.set_title(f"{bars.title} ({bars.unit})", fontsize=10, loc="left", color=INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return _png(figure)


def line_chart(lines: Lines) -> bytes:
    """A line per name over a logarithmic x axis; y starts at 0 unless it is logarithmic too."""
    figure = Figure(figsize=(7.5, 4), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    for colour, (name, points) in zip(COLOURS, lines.lines.items(), strict=False):
        axes.plot(list(points), list(points.values()), "o-", color=colour, label=name)
    values = [value for points in lines.lines.values() for value in points.values()]
    axes.set_xscale("log")
    if max(values) > LOG_RATIO * min(values) > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:,g}")
    else:
        axes.set_ylim(0, 1.1 * max(values))
    ticks = sorted({x for points in lines.lines.values() for x in points})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(lines.x, color=INK)
    axes.set_ylabel(lines.y, color=INK)
    axes.set_title(lines.title, fontsize=10, loc="left", color=INK)
    axes.grid(color=GRID, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
