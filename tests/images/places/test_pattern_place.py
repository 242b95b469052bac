"""One image a row, at a path that is made of its columns."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from upath import UPath

from tests.support.catalog_run import catalog_of, content_of, run_catalog
from tests.support.image_shop import image, rejects_of, table_of
from vitrina.config.catalog import CleanConfig
from vitrina.errors import UserError
from vitrina.store.files import write_bytes
from vitrina.store.paths import to_path

IDS = [108_775_015, 108_775_044, 110_065_001]
FORMS = {
    "{nm}.jpg": "{0}.jpg",
    "{nm:010d}.jpg": "0{0}.jpg",
    "{nm[:3]}/{nm}.jpg": "{1}/{0}.jpg",
    "vol{nm//100000}/part{nm//1000}/{nm}/images/big/1.webp": "vol{2}/part{3}/{0}/images/big/1.webp",
    "{brend}/{article}.png": "Nike/{0}-A.png",
    "{Артикул товара}.jpg": "{0}-A.jpg",
    "{`price, ₽`}/{size:03}.jpg": "7.5/00{4}.jpg",
    "shared/{`catalog_image_path`}.jpg": "shared/p{0}.jpg",
    "shared/{image_path}.jpg": "shared/p{0}.jpg",
}


def shop_with(folder: UPath, form: str) -> pa.Table:
    """A catalogue whose images have names of one form."""
    for number, nm in enumerate(IDS):
        path = form.format(nm, str(nm)[:3], nm // 100_000, nm // 1_000, number)
        write_bytes(folder / path, image(number))
    return catalog_of(
        IDS,
        brend=["Nike"] * 3,
        article=[f"{nm}-A" for nm in IDS],
        size=[0.0, 1.0, 2.0],
        **{
            "Артикул товара": [f"{nm}-A" for nm in IDS],
            "price, ₽": [Decimal("7.5")] * 3,
            "image_path": [f"p{nm}" for nm in IDS],
        },
    )


@pytest.mark.parametrize("pattern", FORMS)
def test_every_form_of_path_gives_the_table_of_the_plain_form(place: UPath, pattern: str) -> None:
    """The images are named after the ids; a second run opens none."""
    catalog = shop_with(place / "images", FORMS[pattern])
    result = run_catalog(place, catalog, place / "images", image_pattern=pattern)
    plain = shop_with(place / "plain" / "images", "{0}.jpg")
    expected = run_catalog(place / "plain", plain, place / "plain" / "images")
    assert content_of(result).equals(content_of(expected))
    assert list(table_of(result)) == list(table_of(expected))
    paths = table_of(result)["image_path"].tolist()
    assert paths == [f"{place}/resized/{nm}.jpg" for nm in IDS]
    again = run_catalog(place, catalog, place / "images", image_pattern=pattern)
    assert again.images_resized == 0


@pytest.mark.parametrize(
    ("names", "pattern"),
    [({"nm_column": "Артикул"}, "{Артикул}"), ({"title_column": "name"}, "{name}"), ({}, "{nm}")],
)
def test_columns_have_the_catalogues_names(
    tmp_path: Path, names: dict[str, str], pattern: str
) -> None:
    """Also those that cleaning renames; {nm} is always the id."""
    catalog = catalog_of([1, 2]).append_column("name", pa.array(["n1", "n2"]))
    catalog = catalog.append_column("Артикул", pa.array([11, 12]))
    for stem in (1, 11, "n1"):
        write_bytes(to_path(tmp_path) / "images" / f"{stem}.jpg", image(5))
    result = run_catalog(
        to_path(tmp_path),
        catalog,
        tmp_path / "images",
        clean=CleanConfig(**names),
        image_pattern=f"{pattern}.jpg",
    )
    assert result.reasons == {"missing_image": 1}


@pytest.mark.parametrize(
    ("column", "pattern", "reasons"),
    [
        (["a", None, ""], "{x}.jpg", {"no_image_value": 2}),
        ([5.0, None, float("nan")], "{x}.jpg", {"no_image_value": 2}),
        (["17", "x7", "7.5"], "{x//1}.jpg", {"invalid_image_value": 2}),
        (["17", "7", ""], "{x[1]}.jpg", {"invalid_image_value": 1, "no_image_value": 1}),
        (["ok", "..", "../../x"], "below/{x}/1.jpg", {"unsafe_path": 2}),
        (["ok", "/etc/x", "я" * 150], "{x}.jpg", {"unsafe_path": 2}),
        (["k", "./x", "./../x"], ".{x}.jpg", {"unsafe_path": 2}),
    ],
)
def test_a_row_whose_values_do_not_fit_is_rejected(
    tmp_path: Path, column: list[Any], pattern: str, reasons: dict[str, int]
) -> None:
    """By a reason of its own; the others are kept."""
    root = to_path(tmp_path)
    for name in ("a.jpg", "5.jpg", "17.jpg", "7.jpg", "below/ok/1.jpg", "ok.jpg", ".k.jpg"):
        write_bytes(root / "images" / name, image(5))
    catalog = catalog_of([1, 2, 3], x=column)
    if pattern == ".{x}.jpg":  # "." and "./x" together are one folder up
        write_bytes(root / "x.jpg", image(6))
    result = run_catalog(root, catalog, root / "images", image_pattern=pattern)
    assert result.reasons == reasons
    assert [line[0] for line in rejects_of(result)[1:]] == ["2", "3"][: sum(reasons.values())]


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        (
            "{artikle}.jpg",
            r"no column 'artikle'.*Did you mean 'article'\? Set resize.image_pattern",
        ),
        ("{__import__}.jpg", "no column '__import__'"),
        ("{tags}.jpg", "'tags' is list.*resize.image_column"),
    ],
)
def test_a_column_that_cannot_be_used_is_refused(tmp_path: Path, pattern: str, told: str) -> None:
    """Before any image is looked for, with the nearest name."""
    catalog = catalog_of([1], article=["x"], tags=[["a"]])
    (tmp_path / "images").mkdir()
    with pytest.raises(UserError, match=told):
        run_catalog(to_path(tmp_path), catalog, tmp_path / "images", image_pattern=pattern)


def test_a_folder_is_needed(tmp_path: Path) -> None:
    """Unless a column says where each image is."""
    with pytest.raises(UserError, match=r"no folder of images.*resize\.image_column"):
        run_catalog(to_path(tmp_path), catalog_of([1]))
