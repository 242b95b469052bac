"""Several images a row, by a pattern with wildcards."""

import csv
import os
import unicodedata
from pathlib import Path

import pytest
from upath import UPath

from tests.support.catalog_run import catalog_of, content_of, images_of, run_catalog
from tests.support.image_shop import image, record_opened, table_of
from vitrina.store.files import listing, read_bytes, remove, write_bytes
from vitrina.store.paths import to_path

FILES = (
    "1_10.jpg",
    "1_2.jpg",
    "1_1.jpg",
    "2_1.jpg",
    "12_1.jpg",
    "3.jpg",
    "1_1.txt",
    ".1_3.jpg.part",
)


def write(folder: UPath, *names: str) -> None:
    """Write images, each of a colour of its own."""
    for name in names:
        number = int.from_bytes(unicodedata.normalize("NFC", name).encode()[-7:], "big") % 10_000
        write_bytes(folder / name, image(number))


@pytest.mark.parametrize(
    "pattern", ["{nm}_*.jpg", "shared/{nm}_*", "{nm}/*.jpg", "{nm//10}/{nm}_*.jpg"]
)
def test_all_images_of_a_row_are_resized_in_their_natural_order(
    place: UPath, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    """The first one is the main one; nothing is opened again."""
    for name in FILES:
        nm = name.lstrip(".").partition("_")[0].removesuffix(".jpg")
        path = {"shared/{nm}_*": f"shared/{name}", "{nm}/*.jpg": f"{nm}/{name}"}.get(pattern, name)
        write(place / "images", f"{int(nm) // 10}/{name}" if "//" in pattern else path)
    catalog = catalog_of([1, 2, 12, 4])
    result = run_catalog(place, catalog, place / "images", image_pattern=pattern)
    assert result.reasons == {"missing_image": 1}
    assert images_of(result) == [3, 1, 1]
    table = table_of(result)
    assert table["image_path"].tolist() == [paths[0] for paths in table["image_paths"]]
    assert table["image_hash"].tolist() == [hashes[0] for hashes in table["image_hashes"]]
    one = run_catalog(place / "one", catalog_of([1]), place / "images", image_pattern=pattern)
    assert table_of(one)["image_hashes"][0].tolist() == table["image_hashes"][0].tolist()
    opened = record_opened(monkeypatch)
    assert run_catalog(place, catalog, place / "images", image_pattern=pattern) == (
        result.model_copy(update={"images_resized": 0})
    )
    assert opened == []


def test_one_new_image_anywhere_costs_one_image(
    place: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before all others, and one that is gone costs none."""
    write(place / "images", "1_1.jpg", "1_3.jpg", "2_1.jpg")
    run_catalog(place, catalog_of([1, 2]), place / "images", image_pattern="{nm}_*.jpg")
    write(place / "images", "1_0.jpg", "1_2.jpg")
    remove([place / "images" / "1_3.jpg"])
    opened = record_opened(monkeypatch)
    result = run_catalog(place, catalog_of([1, 2]), place / "images", image_pattern="{nm}_*.jpg")
    new = [read_bytes(place / "images" / name) for name in ("1_0.jpg", "1_2.jpg")]
    assert sorted(opened) == sorted(new)
    assert result.images_resized == 2
    afresh = run_catalog(
        place / "afresh", catalog_of([1, 2]), place / "images", image_pattern="{nm}_*.jpg"
    )
    assert result.table.fingerprint == afresh.table.fingerprint


def test_a_bad_image_is_left_out_and_listed(tmp_path: Path) -> None:
    """A row is kept while one of its images is good; its main image is the first good one."""
    root = to_path(tmp_path)
    write(root / "images", "1_2.jpg", "3_1.jpg")
    for name, data in (
        ("1_1.jpg", b"no image"),
        ("1_3.jpg", b""),
        ("2_1.jpg", b""),
        ("2_2.jpg", b"x"),
    ):
        write_bytes(root / "images" / name, data)
    catalog = catalog_of([1, 2, 3, 4])
    result = run_catalog(root, catalog, root / "images", image_pattern="{nm}_*.jpg")
    assert result.reasons == {"empty_image": 1, "missing_image": 1}
    assert images_of(result) == [1, 1]
    text = Path(result.rejected_images).read_text(encoding="utf-8")
    lines = list(csv.reader(text.splitlines()))
    assert lines == [
        ["nm", "source", "reason"],
        ["1", "1_1.jpg", "unreadable_image"],
        ["1", "1_3.jpg", "empty_image"],
        ["2", "2_1.jpg", "empty_image"],
        ["2", "2_2.jpg", "unreadable_image"],
        ["4", "4_*.jpg", "missing_image"],
    ]
    assert result.images_rejected == {
        "empty_image": 2,
        "missing_image": 1,
        "unreadable_image": 2,
    }
    plain = run_catalog(root, catalog_of([3]), root / "images", image_pattern="{nm}_1.jpg")
    assert plain.rejected_images == ""
    assert not (tmp_path / "table" / "rejected_images.csv").exists()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("pattern", ["{nm}_*.jpg", "{nm}/*.jpg"])
def test_names_are_found_in_any_form_and_case(place: UPath, form: str, pattern: str) -> None:
    """A Mac's archive; endings of cameras; and exact names come first."""
    folder = unicodedata.normalize(form, "чай-й") + pattern[4]  # type: ignore[arg-type]
    write(place / "images", f"{folder}1.JPG", f"{folder}2.jpeg")
    catalog = catalog_of([unicodedata.normalize("NFC", "чай-й")])
    nearly = run_catalog(place, catalog, place / "images", image_pattern=pattern)
    assert images_of(nearly) == [2]
    write(place / "images", f"{folder}3.jpg")
    exact = run_catalog(place, catalog, place / "images", image_pattern=pattern)
    assert images_of(exact) == [1]


def test_any_ending_is_one_pattern(place: UPath) -> None:
    """With the same table as the plain form, but for its columns of several images."""
    endings = ["jpg", "JPG", "png", "webp"]
    for nm, ending in enumerate(endings):
        kind = {"jpg": "JPEG", "JPG": "JPEG", "png": "PNG", "webp": "WEBP"}[ending]
        write_bytes(place / "images" / f"{nm}.{ending}", image(nm, kind=kind))
    catalog = catalog_of(list(range(4)))
    result = run_catalog(place, catalog, place / "images", image_pattern="{nm}.*")
    plain = run_catalog(place / "plain", catalog, place / "images")
    assert content_of(result).equals(content_of(plain))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any folder")
def test_a_folder_that_may_not_be_listed_is_one_missing_image(tmp_path: Path) -> None:
    """The run goes on."""
    root = to_path(tmp_path)
    write(root / "images", "1/1.jpg", "2/1.jpg")
    (tmp_path / "images" / "1").chmod(0)
    result = run_catalog(root, catalog_of([1, 2]), root / "images", image_pattern="{nm}/*.jpg")
    assert result.reasons == {"missing_image": 1}


def test_a_name_that_is_not_utf8_does_no_harm(tmp_path: Path) -> None:
    """Linux allows any bytes in a name."""
    root = to_path(tmp_path)
    write(root / "images", "1_1.jpg")
    (tmp_path / "images" / os.fsdecode(b"1_\xff.jpg")).write_bytes(image(1))
    result = run_catalog(root, catalog_of([1]), root / "images", image_pattern="{nm}_*.jpg")
    assert images_of(result) == [1]
    assert len(dict(listing(root / "images"))) == 2
