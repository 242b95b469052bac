"""The contact sheet: held-out texts, each with its image and the nearest ones by two models."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from vitrina.catalog.processed_table import IMAGE_PATH
from vitrina.catalog.text_template import TextTemplate
from vitrina.config.text import TITLE_ONLY
from vitrina.evaluation.measurement import Example, Measurement
from vitrina.images.load import read_image
from vitrina.reporting.language import ENGLISH, Words
from vitrina.reporting.plots import DPI, INK, PALE, to_png

RELEVANT = "#2a9d4a"  # green
IMAGE_SIDE = 160  # pixels
TEXT_WIDTH, CELL, GAP = 2.2, 1.15, 0.25  # inches


@dataclass(frozen=True)
class NearestImage:
    """An image near a text, and whether it shows the text's product."""

    image: Image.Image
    relevant: bool
    cosine: float


@dataclass(frozen=True)
class Found:
    """What a model finds for a text: the rank of the first relevant image, the nearest images."""

    rank: int
    nearest: Sequence[NearestImage]


@dataclass(frozen=True)
class SheetRow:
    """A text, its own image, and what each model finds, the model that embeds first."""

    text: str
    image: Image.Image
    found: Sequence[Found]


def sheet_rows(
    table: pd.DataFrame, measured: Mapping[str, Measurement], text: str = TITLE_ONLY
) -> list[SheetRow]:
    """The examples of models, by heading, with their images.

    ``table`` is the measured one, ``text`` the template of the listings' texts, which are the
    queries. The examples of all models are the same listings.
    """
    paths = table[IMAGE_PATH]
    examples = list(zip(*(one.examples for one in measured.values()), strict=True))
    texts = TextTemplate.parse(text).render(table.iloc[[one[0].row for one in examples]])

    def found(example: Example) -> Found:
        nearest = zip(example.nearest, example.relevant, example.cosine, strict=True)
        images = [
            NearestImage(read_image(paths.iloc[row]), relevant, cosine)
            for row, relevant, cosine in nearest
        ]
        return Found(example.rank, images)

    return [
        SheetRow(
            text=query,
            image=read_image(paths.iloc[of_models[0].row]),
            found=[found(example) for example in of_models],
        )
        for of_models, query in zip(examples, texts, strict=True)
    ]


def contact_sheet(
    headings: Sequence[str], rows: Sequence[SheetRow], words: Words = ENGLISH
) -> bytes:
    """A PNG with a row per listing: its text, its own image and the nearest ones by each model.

    Relevant images have a green frame; below each is its cosine with the text.
    """
    widths = [max(len(row.found[model].nearest) for row in rows) for model in range(len(headings))]
    columns = [TEXT_WIDTH, CELL] + [size for width in widths for size in (GAP, *[CELL] * width)]
    width, height = sum(columns), 1.45 * len(rows) + 0.6
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    grid = figure.add_gridspec(
        len(rows),
        len(columns),
        width_ratios=columns,
        left=0.01,
        right=0.995,
        bottom=0.15 / height,
        top=1 - 0.6 / height,
        wspace=0.1,
        hspace=0.3,
    )
    for line, row in enumerate(rows):
        _text(figure.add_subplot(grid[line, 0]), row, words)
        own = figure.add_subplot(grid[line, 1])
        _image(own, row.image, PALE, 0.8, "")
        if line == 0:
            own.set_title(words("its image"), fontsize=9, color=INK)
        column = 2
        for heading, size, found in zip(headings, widths, row.found, strict=True):
            cells = [figure.add_subplot(grid[line, column + 1 + n]) for n in range(size)]
            _nearest(cells, found.nearest, words)
            if line == 0:
                cells[0].set_title(heading, fontsize=9, color=INK, loc="left", pad=8)
            column += 1 + size
    return to_png(figure)


def _nearest(cells: Sequence[Axes], nearest: Sequence[NearestImage], words: Words) -> None:
    for cell, near in zip(cells, nearest, strict=False):
        colour, line_width = (RELEVANT, 3.5) if near.relevant else (PALE, 0.8)
        _image(cell, near.image, colour, line_width, words.number(f"{near.cosine:.2f}"))
    for cell in cells[len(nearest) :]:
        cell.set_axis_off()


def rank_in_words(rank: int, words: Words = ENGLISH) -> str:
    """Where a text's image stands among the nearest ones."""
    return words("first") if rank == 1 else words("rank {rank}", rank=words.count(rank))


def _text(cell: Axes, row: SheetRow, words: Words) -> None:
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
    ranks = [found.rank for found in row.found]
    verdict = " · ".join(rank_in_words(rank, words) for rank in ranks)
    colour = RELEVANT if ranks[0] == 1 else "#888888"
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
