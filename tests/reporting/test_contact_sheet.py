"""The contact sheet: what is framed, and titles that are hard to draw."""

import io
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.support.shop import draw_shop
from vitrina.evaluation.measurement import Example, Measurement
from vitrina.reporting.contact_sheet import (
    Found,
    NearestImage,
    SheetRow,
    contact_sheet,
    sheet_rows,
)

BLANK = Image.new("RGB", (40, 40))


def drawn(table: pd.DataFrame, measured: dict[str, Measurement]) -> bytes:
    """The contact sheet of models."""
    return contact_sheet(list(measured), sheet_rows(table, measured))


def test_relevant_images_have_a_green_frame(tmp_path: Path) -> None:
    """The sheet has green frames exactly where an example has relevant images."""
    table = draw_shop(tmp_path, rows=20)
    grey = table.assign(image_path=table["image_path"][0])

    def green(*, relevant: bool) -> int:
        examples = [
            Example(row=row, rank=9, nearest=range(5), relevant=(relevant,) * 5, cosine=(0.5,) * 5)
            for row in (0, 7, 12)
        ]
        measured = Measurement(metrics={}, counts={}, examples=tuple(examples), figures={})
        sheet = np.asarray(
            Image.open(io.BytesIO(drawn(grey, {"the model": measured}))).convert("RGB")
        )
        return int(np.all(np.abs(sheet.astype(int) - (42, 157, 74)) < 8, axis=2).sum())

    assert green(relevant=True) > 15 * 300 > 20 * green(relevant=False)


def test_two_models_stand_side_by_side(tmp_path: Path) -> None:
    """The second model's images widen the sheet, and only its relevant ones are framed there."""
    table = draw_shop(tmp_path, rows=20)
    grey = table.assign(image_path=table["image_path"][0])

    def measured(*, relevant: bool) -> Measurement:
        example = Example(
            row=1, rank=2, nearest=range(5), relevant=(relevant,) * 5, cosine=(0.5,) * 5
        )
        return Measurement(metrics={}, counts={}, examples=(example,), figures={})

    right, wrong = measured(relevant=True), measured(relevant=False)
    sheet = np.asarray(Image.open(io.BytesIO(drawn(grey, {"a": wrong, "b": right}))).convert("RGB"))
    alone = Image.open(io.BytesIO(drawn(grey, {"a": wrong})))
    assert sheet.shape[1] > 1.5 * alone.width
    green = np.all(np.abs(sheet.astype(int) - (42, 157, 74)) < 8, axis=2)
    middle = sheet.shape[1] * 6 // 10
    assert green[:, middle:].sum() > 5 * 300 > 20 * green[:, :middle].sum()


def test_every_letter_of_a_russian_title_has_a_glyph() -> None:
    """The font of the contact sheet knows them; a missing one would warn and be drawn as a box."""
    title = "Съешь ещё этих мягких французских булок, ЁЖ №5 «да» — 40×40 см"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        contact_sheet(["a"], [SheetRow(title, BLANK, [Found(1, [NearestImage(BLANK, True, 0.5)])])])


@pytest.mark.parametrize("title", ["Набор $#1$ хит", "Чехол $5_$ дёшево", "Набор 2$ + 3^$"])
def test_a_price_in_a_title_is_no_formula(title: str) -> None:
    """Matplotlib reads text between two dollar signs as TeX, and most titles are invalid TeX."""
    contact_sheet(["a"], [SheetRow(title, BLANK, [Found(1, [NearestImage(BLANK, True, 0.5)])])])


def test_a_title_may_have_fewer_images_than_another() -> None:
    """In a small catalogue a row ends early; the sheet is as wide as its longest row."""
    near = NearestImage(BLANK, True, 0.5)
    wide = SheetRow("Кружка", BLANK, [Found(1, [near] * 3)])
    narrow = SheetRow("Ваза", BLANK, [Found(1, [near])])
    widths = [
        Image.open(io.BytesIO(contact_sheet(["a"], rows))).width
        for rows in ([wide, narrow], [wide], [narrow])
    ]
    assert widths[0] == widths[1] > widths[2]
