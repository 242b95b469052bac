"""The images of each row of a table: one, or several with the main one first."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from vitrina.catalog.listing_images import IMAGE_COLUMNS, listing_images
from vitrina.catalog.processed_table import read_table
from vitrina.catalog.processed_writer import CSV, TABLE, open_processed_writer
from vitrina.errors import UserError

SEVERAL = pd.DataFrame(
    {
        "title": list("абв"),
        "image_path": ["a", "c", "d"],
        "image_hash": ["A", "C", "D"],
        "image_paths": [["a", "b"], ["c"], None],
        "image_hashes": [["A", "B"], ["C"], []],
    },
    index=[7, 8, 9],
)


def test_images_are_those_of_the_lists_in_order() -> None:
    """A row without a list has its main image; the frame's index does not matter."""
    images = listing_images(SEVERAL)
    assert images.paths.tolist() == ["a", "b", "c", "d"]
    assert images.hashes.tolist() == ["A", "B", "C", "D"]
    assert images.starts.tolist() == [0, 2, 3, 4]
    assert images.counts.tolist() == [2, 1, 1]
    assert images.rows.tolist() == [0, 0, 1, 2]
    chosen, starts = images.of([2, 0])
    assert chosen.tolist() == [3, 0, 1]
    assert starts.tolist() == [0, 1, 3]
    assert images.of([])[0].tolist() == []


@pytest.mark.parametrize("columns", [[], ["image_paths", "image_hashes"]])
def test_the_first_alone_or_a_table_with_one_image_each(columns: list[str]) -> None:
    """Both have the images of image_path."""
    images = listing_images(SEVERAL.drop(columns=columns), "mean" if columns else "first")
    assert images.paths.tolist() == ["a", "c", "d"]
    assert images.hashes.tolist() == ["A", "C", "D"]
    assert images.starts.tolist() == [0, 1, 2, 3]


def test_hashes_that_a_table_lacks_are_empty() -> None:
    """All but the main image's, where that has one; without rows there are no images."""
    some = listing_images(SEVERAL.drop(columns="image_hashes"))
    assert some.hashes.tolist() == ["A", "", "C", "D"]
    none = SEVERAL.drop(columns=["image_hashes", "image_hash"])
    assert listing_images(none).hashes.tolist() == [""] * 4
    assert listing_images(SEVERAL[:0]).starts.tolist() == [0]


def test_another_number_of_hashes_than_of_images_is_refused() -> None:
    """Which hash is of which image would not be known."""
    wrong = SEVERAL.assign(image_hashes=[["A"], ["C"], ["D"]])
    with pytest.raises(UserError, match=r"has 1 image_hashes in row 0 .* for 2 image_paths"):
        listing_images(wrong)


def test_a_frame_may_have_its_lists_in_any_form(tmp_path: Path) -> None:
    """Arrays, as pandas reads Parquet; JSON, as it reads a CSV; what is neither is refused."""
    SEVERAL.to_parquet(tmp_path / "t.parquet")
    json = SEVERAL.assign(image_paths=['["a", "b"]', '["c"]', ""], image_hashes=None)
    for frame in (pd.read_parquet(tmp_path / "t.parquet"), json.drop(columns="image_hashes")):
        assert listing_images(frame).paths.tolist() == ["a", "b", "c", "d"]
    with pytest.raises(UserError, match=r"image_paths in row 1 .* is 'c'"):
        listing_images(SEVERAL.assign(image_paths=['["a"]', "c", ""]))


def test_the_csv_and_the_parquet_table_have_the_same_images(tmp_path: Path) -> None:
    """The CSV without the hashes."""
    cleaned = pa.RecordBatch.from_pydict({"nm": [1, 2], "title": ["а", "б"]})
    with open_processed_writer(UPath(tmp_path), cleaned.schema, several_images=True) as writer:
        writer.keep(cleaned, [["a", "b"], ["c"]], [["A", "B"], ["C"]])
    parquet, csv = (
        listing_images(read_table(UPath(tmp_path / name), IMAGE_COLUMNS)) for name in (TABLE, CSV)
    )
    assert parquet.paths.tolist() == csv.paths.tolist() == ["a", "b", "c"]
    assert parquet.hashes.tolist() == ["A", "B", "C"]
    assert csv.hashes.tolist() == ["", "", ""]
    assert pq.read_schema(tmp_path / TABLE).field("image_paths").type == pa.list_(pa.string())
