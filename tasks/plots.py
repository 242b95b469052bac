"""The pictures of a run as PNG: loss and recall over steps and mixes, and what titles find.

Figures are made without pyplot, which keeps state of its own and is not made for threads.
"""

import io
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageOps

DPI = 110
INK, PALE = "#333333", "#c8c8c8"
RIGHT = "#2a9d4a"
LINES = {"1": "#1b6ca8", "5": "#e08e0b", "10": "#7b4fa3"}  # recall at k
SHOWN_SIDE = 160  # pixels of a picture on the contact sheet

Record = Mapping[str, float]


@dataclass(frozen=True)
class Found:
    """A picture that a title found."""

    picture: Image.Image
    right: bool
    cosine: float


@dataclass(frozen=True)
class SheetRow:
    """A title, its own picture, the rank of the first right one, and the nearest pictures."""

    title: str
    picture: Image.Image
    rank: int
    found: Sequence[Found]


def contact_sheet(rows: Sequence[SheetRow]) -> bytes:
    """A row per title: its text, its own picture, and the nearest ones, right ones framed green."""
    columns = max(len(row.found) for row in rows)
    width, height = 2.6 + 1.25 * (columns + 1), 1.55 * len(rows) + 0.4
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    grid = figure.add_gridspec(
        len(rows),
        columns + 2,
        width_ratios=[2.3, 1.25] + [1.25] * columns,
        left=0.02,
        right=0.99,
        bottom=0.15 / height,
        top=1 - 0.4 / height,
        wspace=0.12,
        hspace=0.3,
    )
    for line, row in enumerate(rows):
        cells = [figure.add_subplot(grid[line, column]) for column in range(columns + 2)]
        _title(cells[0], row)
        _picture(cells[1], row.picture, PALE, 0.8, "")
        for cell, found in zip(cells[2:], row.found, strict=False):
            colour, line_width = (RIGHT, 3.5) if found.right else (PALE, 0.8)
            _picture(cell, found.picture, colour, line_width, f"{found.cosine:.2f}")
        for cell in cells[2 + len(row.found) :]:
            cell.set_axis_off()
        if line == 0:
            cells[1].set_title("its picture", fontsize=9, color=INK)
            cells[2].set_title("nearest", fontsize=9, color=INK)
            for place, cell in enumerate(cells[3:], start=2):
                cell.set_title(str(place), fontsize=9, color=INK)
    return _png(figure)


def _title(cell: Axes, row: SheetRow) -> None:
    cell.set_axis_off()
    text = "\n".join(textwrap.wrap(row.title, 24, max_lines=4, placeholder=" …"))
    cell.text(
        *(0, 0.98, text),
        fontsize=9,
        color=INK,
        va="top",
        transform=cell.transAxes,
        parse_math=False,  # a title with a price in $ is no formula
    )
    verdict = "found first" if row.rank == 1 else f"found at rank {row.rank:,}"
    colour = RIGHT if row.rank == 1 else "#888888"
    cell.text(0, 0.02, verdict, fontsize=8, color=colour, va="bottom", transform=cell.transAxes)


def _picture(
    cell: Axes, picture: Image.Image, colour: str, line_width: float, caption: str
) -> None:
    side = (SHOWN_SIDE, SHOWN_SIDE)
    cell.imshow(ImageOps.pad(picture, side, color="white"), interpolation="antialiased")
    cell.set_xticks([])
    cell.set_yticks([])
    cell.set_xlabel(caption, fontsize=7.5, color=INK, labelpad=3)
    for spine in cell.spines.values():
        spine.set_edgecolor(colour)
        spine.set_linewidth(line_width)


def training_curve(
    records: Sequence[Record], mixes: Mapping[str, Record] = MappingProxyType({})
) -> bytes:
    """Loss and learning rate, and recall on the validation rows, over the steps and the mixes.

    ``records`` are the lines of metrics.jsonl: ``step`` with ``loss`` and ``lr``, or with
    ``validation/mean_recall_at_{1,5,10}``. ``mixes`` are the validations of WiSE-FT by the part of
    the fine-tuned weights, "0" to "1".
    """
    validated = [one for one in records if "validation/mean_recall_at_1" in one]
    draws: list[Callable[[Axes], None]] = [partial(_loss, records=records)]
    if validated:
        draws.append(partial(_recall, records=validated))
    if mixes:
        draws.append(partial(_mixes, mixes=mixes))
    figure = Figure(figsize=(5 * len(draws), 3.6), dpi=DPI, facecolor="white")
    for panel, draw in zip(figure.subplots(1, len(draws), squeeze=False)[0], draws, strict=True):
        draw(panel)
    figure.tight_layout()
    return _png(figure)


def _loss(panel: Axes, records: Sequence[Record]) -> None:
    steps, loss = _series(records, "loss")
    _plain(panel, "Loss", "step")
    panel.plot(steps, loss, color=LINES["1"], linewidth=1.6, marker="." if len(steps) < 3 else "")
    panel.set_ylim(bottom=0)
    rate = panel.twinx()
    rate.plot(*_series(records, "lr"), color="#999999", linewidth=1, linestyle=(0, (4, 3)))
    rate.set_ylim(bottom=0)
    rate.set_ylabel("learning rate (dashed)", fontsize=8, color="#777777")
    rate.tick_params(labelsize=7, colors="#777777", length=0)
    rate.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    rate.yaxis.get_offset_text().set_fontsize(7)
    for spine in rate.spines.values():
        spine.set_visible(False)


def _recall(panel: Axes, records: Sequence[Record]) -> None:
    _plain(panel, "Recall, validation rows", "step")
    for depth in LINES:
        _recall_line(panel, depth, *_series(records, f"validation/mean_recall_at_{depth}"))
    _recall_legend(panel)


def _mixes(panel: Axes, mixes: Mapping[str, Record]) -> None:
    _plain(panel, "Recall by mix", "part of the fine-tuned weights, the rest is the base's")
    points = sorted((float(mix), metrics) for mix, metrics in mixes.items())
    for depth in LINES:
        recall = [metrics[f"mean_recall_at_{depth}"] for _, metrics in points]
        _recall_line(panel, depth, [mix for mix, _ in points], recall)
    _recall_legend(panel)


def _recall_line(panel: Axes, depth: str, at: list[float], recall: list[float]) -> None:
    """One line; its label names the last value."""
    label = f"@{depth} {recall[-1]:.3f}" if recall else None
    panel.plot(at, recall, color=LINES[depth], lw=1.6, marker="o", markersize=3, label=label)


def _recall_legend(panel: Axes) -> None:
    panel.legend(
        loc="lower right",
        bbox_to_anchor=(1.02, 0.98),
        ncols=len(LINES),
        fontsize=8,
        frameon=False,
        labelcolor="linecolor",
        handlelength=1.2,
        columnspacing=1,
    )
    panel.set_ylim(0, 1.02)


def _plain(panel: Axes, title: str, along: str) -> None:
    panel.set_title(title, fontsize=10, color=INK, loc="left")
    panel.set_xlabel(along, fontsize=8, color=INK)
    panel.tick_params(labelsize=8, colors=INK, length=0)
    panel.grid(axis="y", color="#eeeeee", linewidth=0.8)
    panel.set_axisbelow(True)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
    panel.spines["bottom"].set_color(PALE)


def _series(records: Sequence[Record], name: str) -> tuple[list[float], list[float]]:
    points = [(record["step"], record[name]) for record in records if name in record]
    return [step for step, _ in points], [value for _, value in points]


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
