"""The contact sheet: held-out texts, each with its own image and the nearest images."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from vitrina.catalog.processed_table import IMAGE_PATH
from vitrina.catalog.text_template import TextTemplate
from vitrina.config.text import TITLE_ONLY
from vitrina.evaluation.measurement import Measurement
from vitrina.images.load import read_image
from vitrina.reporting.plots import DPI, INK, PALE, to_png

RELEVANT = "#2a9d4a"  # green
IMAGE_SIDE = 160  # pixels


@dataclass(frozen=True)
class NearestImage:
    """An image near a text, and whether it shows the text's product."""

    image: Image.Image
    relevant: bool
    cosine: float


@dataclass(frozen=True)
class SheetRow:
    """A text, its own image, the rank of the first relevant image, and the nearest images."""

    text: str
    image: Image.Image
    rank: int
    nearest: Sequence[NearestImage]


def draw_contact_sheet(
    table: pd.DataFrame, measurement: Measurement, text: str = TITLE_ONLY
) -> bytes:
    """The contact sheet of a measurement's examples as a PNG; ``table`` is the measured one.

    ``text`` is the template of the listings' texts, which are the queries.
    """
    paths = table[IMAGE_PATH]
    shown = table.iloc[[example.row for example in measurement.examples]]
    texts = TextTemplate.parse(text).render(shown)
    rows = [
        SheetRow(
            text=query,
            image=read_image(paths.iloc[example.row]),
            rank=example.rank,
            nearest=[
                NearestImage(read_image(paths.iloc[row]), relevant, cosine)
                for row, relevant, cosine in zip(
                    example.nearest, example.relevant, example.cosine, strict=True
                )
            ],
        )
        for example, query in zip(measurement.examples, texts, strict=True)
    ]
    return contact_sheet(rows)


def contact_sheet(rows: Sequence[SheetRow]) -> bytes:
    """A PNG with a row per listing: its text, its own image and the nearest ones, best first.

    Relevant images have a green frame; below each is its cosine with the text.
    """
    columns = max(len(row.nearest) for row in rows)
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
        _text(cells[0], row)
        _image(cells[1], row.image, PALE, 0.8, "")
        for cell, near in zip(cells[2:], row.nearest, strict=False):
            colour, line_width = (RELEVANT, 3.5) if near.relevant else (PALE, 0.8)
            _image(cell, near.image, colour, line_width, f"{near.cosine:.2f}")
        for cell in cells[2 + len(row.nearest) :]:
            cell.set_axis_off()
        if line == 0:
            cells[1].set_title("its image", fontsize=9, color=INK)
            cells[2].set_title("nearest", fontsize=9, color=INK)
            for rank, cell in enumerate(cells[3:], start=2):
                cell.set_title(str(rank), fontsize=9, color=INK)
    return to_png(figure)


def _text(cell: Axes, row: SheetRow) -> None:
    cell.set_axis_off()
    text = "\n".join(textwrap.wrap(row.text, 24, max_lines=4, placeholder=" …"))
    cell.text(
        *(0, 0.98, text),
        fontsize=9,
        color=INK,
        va="top",
        transform=cell.transAxes,
        parse_math=False,  # dollar signs in a text are prices, not TeX
    )
    verdict = "found first" if row.rank == 1 else f"found at rank {row.rank:,}"
    colour = RELEVANT if row.rank == 1 else "#888888"
    cell.text(0, 0.02, verdict, fontsize=8, color=colour, va="bottom", transform=cell.transAxes)


def _image(cell: Axes, image: Image.Image, colour: str, line_width: float, caption: str) -> None:
    square = ImageOps.pad(image, (IMAGE_SIDE, IMAGE_SIDE), color="white")
    cell.imshow(square, interpolation="antialiased")
    cell.set_xticks([])
    cell.set_yticks([])
    cell.set_xlabel(caption, fontsize=7.5, color=INK, labelpad=3)
    for spine in cell.spines.values():
        spine.set_edgecolor(colour)
        spine.set_linewidth(line_width)
