"""When a processed table counts as another one."""

import pandas as pd
import pytest
from upath import UPath

from vitrina.catalog.table_fingerprint import ImageStamps, table_fingerprint
from vitrina.store.files import atomic_write, remove, write_bytes


def write_table(place: UPath, name: str, **columns: list[str]) -> UPath:
    """A table of two rows and their images; columns replace or add to the usual ones."""
    paths = [str(place / "images" / f"{number}.jpg") for number in (1, 2)]
    table = pd.DataFrame({"title": ["а", "б"], "image_path": paths} | columns)
    with atomic_write(place / name) as temp_file:
        if name.endswith(".csv"):
            table.to_csv(temp_file, index=False)
        else:
            table.to_parquet(temp_file)
    return place / name


@pytest.fixture
def images(place: UPath) -> UPath:
    """The folder of two images."""
    for number in (1, 2):
        write_bytes(place / "images" / f"{number}.jpg", b"image %d" % number)
    return place / "images"


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_without_hashes_a_changed_or_missing_image_is_another_table(
    place: UPath, images: UPath, name: str
) -> None:
    """The table itself says nothing of what the images show, so their files count."""
    table = write_table(place, name)
    before = table_fingerprint(table)
    assert table_fingerprint(table) == before
    write_bytes(images / "2.jpg", b"another image")
    changed = table_fingerprint(table)
    remove([images / "2.jpg"])
    assert len({before, changed, table_fingerprint(table)}) == 3


def test_with_hashes_only_the_content_counts(place: UPath, images: UPath) -> None:
    """The files need not be there, and their paths do not matter; texts and hashes do."""
    hashes = {"image_hash": ["aa", "bb"]}
    first = table_fingerprint(write_table(place, "table.parquet", **hashes))
    remove([images / "2.jpg"])
    moved = write_table(place, "moved.parquet", image_path=["x/1.jpg", "x/2.jpg"], **hashes)
    assert table_fingerprint(moved) == first
    other_image = write_table(place, "image.parquet", image_hash=["aa", "cc"])
    other_title = write_table(place, "title.parquet", title=["а", "в"], **hashes)
    assert len({first, table_fingerprint(other_image), table_fingerprint(other_title)}) == 3


def test_stamps_tell_images_apart(images: UPath) -> None:
    """A stamp names the path, also of an image that is not there, which has nothing else."""
    paths = [str(images / name) for name in ("1.jpg", "2.jpg", "3.jpg")]
    first, second, missing = ImageStamps().of(paths)
    assert first.startswith(f"{paths[0]} ")
    assert len(first) > len(f"{paths[0]} ")
    assert second != first
    assert missing == f"{paths[2]} "
    assert ImageStamps().of(paths[:1]) == [first]
