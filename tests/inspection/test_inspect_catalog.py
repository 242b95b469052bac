"""The inspection of a catalogue, the ways in which its images are found, and the parameters."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from upath import UPath

from flows.cli import from_file
from flows.commands.pipeline import check
from vitrina.config.inspection import InspectConfig
from vitrina.config.pipeline import PipelineConfig
from vitrina.errors import UserError
from vitrina.inspection.draft import draft
from vitrina.inspection.inspect_catalog import Inspection, inspect_catalog
from vitrina.store.files import write_bytes
from vitrina.store.paths import to_path

ROWS = 60
NM = [5_000_000 + 9_177 * row for row in range(ROWS)]


def shop(folder: UPath, image: Callable[[int], list[str]], **columns: Any) -> InspectConfig:
    """A catalogue with these further columns, and its images in the folder ``images``."""
    frame = pd.DataFrame(
        {
            "nm": NM,
            "title": [f"Кружка белая {row}" for row in range(ROWS)],
            "description": [f"Хорошая кружка {row}" for row in range(ROWS)],
            "category": [("Посуда", "Дом")[row % 2] for row in range(ROWS)],
            **columns,
        }
    )
    write_bytes(folder / "c.csv", frame.to_csv(index=False).encode())
    for row in range(ROWS):
        for path in image(row):
            write_bytes(folder / "images" / path, b"x")
    write_bytes(folder / "images" / "logo.png", b"x")
    return InspectConfig(catalog=str(folder / "c.csv"), images=str(folder / "images"))


def parameters(found: Inspection, config: InspectConfig) -> dict[str, Any]:
    """What the drafted file says."""
    loaded: dict[str, Any] = yaml.safe_load(draft(config, found))
    return loaded


def test_images_are_found_by_the_pattern_that_is_proposed(place: UPath) -> None:
    """On this machine and in a bucket; the file is one that the pipeline takes."""
    config = shop(place, lambda row: [f"{NM[row]}_1.jpg", f"{NM[row]}_2.jpg"] if row % 10 else [])
    found = inspect_catalog(config)
    images = found.images
    assert images
    assert images.way.image_pattern == "{nm}_*.jpg"
    assert (images.rows, images.rows_found, images.images) == (ROWS, 54, 108)
    assert (found.rows, found.rows_kept, found.reasons) == (ROWS, ROWS, {})
    write_bytes(place / "shop.yaml", draft(config, found).encode())
    run = from_file(PipelineConfig, place / "shop.yaml").model_copy(update={"model": "tiny"})
    assert run.resize.image_pattern == "{nm}_*.jpg"
    check(run.model_copy(update={"output": str(place / "out")}))


@pytest.mark.parametrize(
    ("values", "images", "rows"),
    [
        ([f"https://shop.test/{nm}" for nm in NM], "", ROWS),
        ([f'["p/{row}.jpg", "p/{row}_b.jpg"]' for row in range(ROWS)], "images", ROWS),
        ([f"photo {row}.png" if row % 2 else "" for row in range(ROWS)], "images", 30),
    ],
)
def test_images_are_found_by_a_column(
    tmp_path: Path, values: list[str], images: str, rows: int
) -> None:
    """Of addresses, which are not fetched, or of paths, alone or in a list."""
    files = lambda row: [f"p/{row}.jpg", f"photo {row}.png"]  # noqa: E731 - as short as the case
    config = shop(to_path(tmp_path), files, photo=values)
    config = config.model_copy(update={"images": str(tmp_path / images) if images else ""})
    found = inspect_catalog(config)
    assert found.images
    assert found.images.way.image_column == "photo"
    assert found.images.rows_found == rows
    assert bool(found.images.addresses) == (not images)
    assert parameters(found, config)["resize"] == {"image_column": "photo"}


def test_where_no_image_is_found_an_example_is_shown(tmp_path: Path) -> None:
    """And no pattern is proposed."""
    config = shop(to_path(tmp_path), lambda row: [f"IMG_{row * 31 + 7:08}.jpg"])
    found = inspect_catalog(config)
    assert found.images is None
    assert found.example.endswith((".jpg", ".png"))
    assert "resize" not in parameters(found, config)


def test_columns_of_other_names_are_proposed(tmp_path: Path) -> None:
    """With what the rows lack: no description at all, and a repeated id."""
    rows = [f"{row % 19},Лампа настольная {row},Свет" for row in range(20)]
    (tmp_path / "c.csv").write_text("\n".join(["Артикул,Название,Раздел", *rows]) + "\nA,б\n")
    config = InspectConfig(catalog=[str(tmp_path / "c.csv"), str(tmp_path / "c.csv")])
    found = inspect_catalog(config)
    assert parameters(found, config) == {
        "catalog": [str(tmp_path / "c.csv")] * 2,
        "output": "output",
        "model": "ruclip-vit-base-patch32-384",
        "clean": {"nm_column": "Артикул", "title_column": "Название", "required": ["title"]},
    }
    assert found.reasons == {"malformed_row": 1, "duplicate_id": 1}
    assert (found.rows, found.rows_kept) == (21, 19)


@pytest.mark.parametrize(
    ("header", "message"),
    [("price,size", "no column looks like ids"), ("nm,size", "no column looks like titles")],
)
def test_a_table_of_something_else_is_refused(tmp_path: Path, header: str, message: str) -> None:
    """With the names of its columns."""
    (tmp_path / "c.csv").write_text(f"{header}\n1,2\n1,2\n")
    with pytest.raises(UserError, match=rf"{message}.*'size'"):
        inspect_catalog(InspectConfig(catalog=str(tmp_path / "c.csv")))


def test_images_in_the_table_are_found(tmp_path: Path) -> None:
    """As bytes, or as Hugging Face's structs; no folder is needed."""
    table = pa.table(
        {
            "nm": [1, 2, 3],
            "title": ["а", "б", "в"],
            "note": ["x", "y", "z"],
            "photo": [{"bytes": b"\xff\xd8", "path": "1.jpg"}, {"bytes": None, "path": None}, None],
        }
    )
    pq.write_table(table, tmp_path / "c.parquet")
    config = InspectConfig(catalog=str(tmp_path / "c.parquet"))
    found = inspect_catalog(config)
    assert found.images
    assert (found.images.rows_found, found.images.rows) == (1, 3)
    assert parameters(found, config)["resize"] == {"image_column": "photo"}
