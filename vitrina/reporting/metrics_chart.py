"""The chart of held-out metrics: before and after fine-tuning, with their intervals."""

import textwrap

from vitrina.reporting.language import ENGLISH, Words
from vitrina.reporting.plots import (
    FONT,
    INK_COLOUR,
    LINE,
    SERIES,
    SOFT,
    legend,
    plot,
    to_svg,
)
from vitrina.reporting.sections import METRICS
from vitrina.results import EvaluateResult

SHOWN = (
    "text_to_image_recall_at_1",
    "text_to_image_recall_at_5",
    "text_to_image_recall_at_10",
    "image_to_text_recall_at_1",
    "image_to_text_recall_at_5",
    "image_to_text_recall_at_10",
    "mean_mrr",
    "mean_ndcg_at_10",
    "unseen_queries_ndcg_at_10",
    "unseen_products_ndcg_at_10",
    "zero_shot_accuracy",
)
ROW = 32  # units of height
LABEL_WIDTH = 24  # characters on a line
APART = 0.16  # rows between the two points of a metric


def draw_metrics(evaluated: EvaluateResult, words: Words = ENGLISH) -> bytes:
    """An SVG with a row for each metric between 0 and 1: two points, each with its interval."""
    names = [name for name in SHOWN if name in evaluated.before and name in evaluated.after]
    figure, axes = plot(ROW * max(len(names), 1) + 60)
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", color=LINE, linewidth=0.9)
    for side, label, colour, offset in (
        ("before", words("before"), SOFT, -APART),
        ("after", words("after"), SERIES[0], APART),
    ):
        values: dict[str, float] = getattr(evaluated, side)
        rows = [row + offset for row in range(len(names))]
        for name, row in zip(names, rows, strict=True):
            if name in evaluated.intervals:
                ends = getattr(evaluated.intervals[name], side)
                axes.plot(ends, (row, row), color=colour, linewidth=2.2, solid_capstyle="round")
        points = [values[name] for name in names]
        axes.plot(points, rows, color=colour, marker="o", markersize=6, linestyle="", label=label)
    labels = [textwrap.fill(words(METRICS[name]), LABEL_WIDTH) for name in names]
    axes.set_yticks(range(len(names)), labels, fontsize=FONT, color=INK_COLOUR)
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.set_xlim(-0.02, 1.02)
    axes.xaxis.set_major_formatter(lambda value, _: words.number(f"{value:g}"))
    legend(axes, 2)
    figure.tight_layout(pad=0.6)
    return to_svg(figure)
