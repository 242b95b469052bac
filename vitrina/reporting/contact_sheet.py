"""The contact sheet: held-out titles, each with its own image and the nearest ones."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from vitrina.catalog.processed_table import IMAGE_PATH, TITLE
from vitrina.evaluation.measurement import Measurement
from vitrina.reporting.plots import DPI, INK, PALE, to_png


def draw_contact_sheet(table: pd.DataFrame, measurement: Measurement) -> bytes:
    """PNG: for each example its title, its own image and the nearest ones, right ones framed."""
    # torch and matplotlib cost seconds; help and wrong arguments answer without them
    from vitrina.images.load import read_image

    paths, titles = table[IMAGE_PATH], table[TITLE]
    rows = [
        SheetRow(
            title=str(titles.iloc[example.row]),
            image=read_image(paths.iloc[example.row]),
            rank=example.rank,
            found=[
                Found(read_image(paths.iloc[row]), relevant, cosine)
                for row, relevant, cosine in zip(
                    example.found, example.relevant, example.cosine, strict=True
                )
            ],
        )
        for example in measurement.examples
    ]
    return contact_sheet(rows)


RIGHT = "#2a9d4a"
SHOWN_SIDE = 160  # pixels of an image on the contact sheet


@dataclass(frozen=True)
class Found:
    """An image that a title found."""

    image: Image.Image
    relevant: bool
    cosine: float


@dataclass(frozen=True)
class SheetRow:
    """A title, its own image, the rank of the first right one, and the nearest images."""

    title: str
    image: Image.Image
    rank: int
    found: Sequence[Found]


def contact_sheet(rows: Sequence[SheetRow]) -> bytes:
    """A row per title: its text, its own image, and the nearest ones, right ones framed green."""
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
        _image(cells[1], row.image, PALE, 0.8, "")
        for cell, found in zip(cells[2:], row.found, strict=False):
            colour, line_width = (RIGHT, 3.5) if found.relevant else (PALE, 0.8)
            _image(cell, found.image, colour, line_width, f"{found.cosine:.2f}")
        for cell in cells[2 + len(row.found) :]:
            cell.set_axis_off()
        if line == 0:
            cells[1].set_title("its image", fontsize=9, color=INK)
            cells[2].set_title("nearest", fontsize=9, color=INK)
            for place, cell in enumerate(cells[3:], start=2):
                cell.set_title(str(place), fontsize=9, color=INK)
    return to_png(figure)


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


def _image(cell: Axes, image: Image.Image, colour: str, line_width: float, caption: str) -> None:
    side = (SHOWN_SIDE, SHOWN_SIDE)
    cell.imshow(ImageOps.pad(image, side, color="white"), interpolation="antialiased")
    cell.set_xticks([])
    cell.set_yticks([])
    cell.set_xlabel(caption, fontsize=7.5, color=INK, labelpad=3)
    for spine in cell.spines.values():
        spine.set_edgecolor(colour)
        spine.set_linewidth(line_width)
