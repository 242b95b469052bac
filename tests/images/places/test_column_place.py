"""The images of a row where a column says: paths, names and lists of them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from upath import UPath

from tests.support.catalog_run import catalog_of, content_of, images_of, run_catalog
from tests.support.image_shop import image, record_opened, table_of
from vitrina.errors import UserError
from vitrina.store.files import write_bytes
from vitrina.store.paths import to_path

IDS = [11, 12, 13]


def shop_with(folder: UPath, form: str = "{}.jpg") -> list[str]:
    """Images with names of one form, and these names."""
    names = [form.format(nm) for nm in IDS]
    for nm, name in zip(IDS, names, strict=True):
        write_bytes(folder / name, image(nm))
    return names


@pytest.mark.parametrize(
    "column",
    [
        lambda names: pa.array(names),
        lambda names: pa.array(names).dictionary_encode(),
        lambda names: pa.array([name.encode() for name in names]),
        lambda names: pa.array([f"./{name}" for name in names]),
        lambda names: pa.array([name.removesuffix(".jpg") for name in names]),
        lambda names: pa.array([name.replace("/", "\\") for name in names]),
    ],
)
@pytest.mark.parametrize("form", ["{}.jpg", "a/b/{}.jpg"])
def test_a_column_of_paths_gives_the_table_of_the_plain_form(
    place: UPath, column: Any, form: str
) -> None:
    """Whatever its type; columns of several images are there only if a row has several."""
    names = shop_with(place / "images", form)
    plain = run_catalog(
        place / "plain", catalog_of(IDS), place / "images", image_pattern=form.format("{nm}")
    )
    catalog = catalog_of(IDS, photo=column(names))
    result = run_catalog(place, catalog, place / "images", image_column="photo")
    assert content_of(result).equals(content_of(plain))
    assert "image_paths" not in table_of(result)
    assert run_catalog(place, catalog, place / "images", image_column="photo").images_resized == 0


@pytest.mark.parametrize(
    "lists",
    [
        lambda names: pa.array(names),
        lambda names: pa.array(["|".join(some) for some in names]),
        lambda names: pa.array([str(some) for some in names]),
        lambda names: pa.array(names, pa.large_list(pa.large_string())),
    ],
)
def test_lists_of_paths_give_several_images_in_their_order(place: UPath, lists: Any) -> None:
    """As lists, or as texts that name several."""
    names = shop_with(place / "images")
    column = lists([[names[2], names[0]], [names[1]], [names[1], names[0], names[1]]])
    result = run_catalog(place, catalog_of(IDS, фото=column), place / "images", image_column="фото")
    assert images_of(result) == [2, 1, 2]
    hashes = table_of(result)["image_hashes"].tolist()
    assert hashes[0][1] == hashes[2][1]
    assert hashes[1][0] == hashes[2][0]
    assert table_of(result)["image_hash"].tolist() == [some[0] for some in hashes]


def test_a_new_image_in_front_of_a_list_costs_one(
    place: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others keep their names."""
    names = shop_with(place / "images")
    catalog = catalog_of([1], photos=[[names[0], names[1]]])
    run_catalog(place, catalog, place / "images", image_column="photos")
    opened = record_opened(monkeypatch)
    catalog = catalog_of([1], photos=[[names[2], names[0], names[1]]])
    run_catalog(place, catalog, place / "images", image_column="photos")
    assert opened == [image(13)]


def test_a_row_that_names_no_image_is_rejected(tmp_path: Path) -> None:
    """Null, empty, or a word for null."""
    shop_with(to_path(tmp_path) / "images")
    values = ["11.jpg", None, "", "nan", "[]"]
    catalog = catalog_of([1, 2, 3, 4, 5], photo=values)
    result = run_catalog(to_path(tmp_path), catalog, tmp_path / "images", image_column="photo")
    assert result.reasons == {"no_image_value": 4}
    lists = pa.array([["11.jpg"], None, [], [None], [""]], pa.list_(pa.string()))
    catalog = catalog_of([1, 2, 3, 4, 5], photo=lists)
    result = run_catalog(to_path(tmp_path), catalog, tmp_path / "images", image_column="photo")
    assert result.reasons == {"no_image_value": 4}


def test_paths_never_leave_the_folder_of_images(place: UPath) -> None:
    """Absolute ones below it are welcome, all others are rejected."""
    shop_with(place / "images")
    write_bytes(place / "secret.jpg", image(1))
    values = [
        f"{place}/images/11.jpg",
        "../secret.jpg",
        f"{place}/secret.jpg",
        f"{place}/images/../secret.jpg",
        "/etc/passwd",
        "s3://other/1.jpg",
        "ftp://host/1.jpg",
        "..\\secret.jpg",
    ]
    catalog = catalog_of(list(range(8)), photo=values)
    result = run_catalog(place, catalog, place / "images", image_column="photo")
    assert result.reasons == {"unsafe_path": 7}
    assert table_of(result)["nm"].tolist() == [0]


def test_a_link_to_the_folder_of_images_may_be_named(tmp_path: Path) -> None:
    """The catalogue says where the folder is, the command line says its link."""
    shop_with(to_path(tmp_path) / "disk")
    (tmp_path / "images").symlink_to(tmp_path / "disk")
    catalog = catalog_of([1], photo=[f"{tmp_path}/disk/11.jpg"])
    result = run_catalog(to_path(tmp_path), catalog, tmp_path / "images", image_column="photo")
    assert result.rows_kept == 1


def test_without_a_folder_of_images_any_path_may_be_named(place: UPath, tmp_path: Path) -> None:
    """Relative ones are below the catalogue's folder."""
    shop_with(place / "below")
    shop_with(to_path(tmp_path) / "elsewhere")
    values = [
        "below/11.jpg",
        f"{place}/below/12.jpg",
        f"{tmp_path}/elsewhere/13.JPG",
        f"{tmp_path}/gone.jpg",
        f"{place}/gone/1.jpg",
        "s3://",
        "s3://bucket/a::b",
        "/dev/zero",
    ]
    catalog = catalog_of(list(range(8)), photo=values)
    result = run_catalog(place, catalog, image_column="photo")
    assert result.reasons == {"missing_image": 3, "unsafe_path": 2}
    assert table_of(result)["nm"].tolist() == [0, 1, 2]
    assert run_catalog(place, catalog, image_column="photo").images_resized == 0


def test_an_unsafe_id_is_rejected(tmp_path: Path) -> None:
    """The resized image is named after it."""
    shop_with(to_path(tmp_path) / "images")
    catalog = catalog_of(["a", "../a"], photo=["11.jpg", "11.jpg"])
    result = run_catalog(to_path(tmp_path), catalog, tmp_path / "images", image_column="photo")
    assert result.reasons == {"unsafe_path": 1}


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("foto", r"no column 'foto'.*Did you mean 'photo'\? Set resize.image_column"),
        ("price", "'price' is int64; images are"),
        ("boxes", "'boxes' is list<"),
    ],
)
def test_a_column_that_names_no_images_is_refused(tmp_path: Path, column: str, told: str) -> None:
    """By its type, before any image is looked for."""
    catalog = catalog_of([1], photo=["1.jpg"], price=[5], boxes=[[1, 2]])
    (tmp_path / "images").mkdir()
    with pytest.raises(UserError, match=told):
        run_catalog(to_path(tmp_path), catalog, tmp_path / "images", image_column=column)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["123.jpg", "7.jpg"], r"no 123\.jpg; the folder holds for example 0000123\.jpg"),
        (["/x/1.jpg", "/x/2.jpg"], r"None of 2 rows.*unsafe_path 2.*resize\.image_column"),
        ([None, ""], "None of 2 rows.*no_image_value 2"),
    ],
)
def test_a_column_without_any_usable_image_is_refused(
    tmp_path: Path, values: list[str | None], told: str
) -> None:
    """With what is wrong with most of them."""
    for name in ("0000007.jpg", "0000123.jpg", "readme.txt"):
        write_bytes(to_path(tmp_path) / "images" / name, image(1))
    catalog = catalog_of([1, 2], photo=pa.array(values, pa.string()))
    with pytest.raises(UserError, match=told):
        run_catalog(to_path(tmp_path), catalog, tmp_path / "images", image_column="photo")
