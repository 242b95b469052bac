"""Every form of catalogue from the command line: the same processed table as a Parquet file's."""

import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.catalog_forms import FORMS
from tests.support.servers import Server
from vitrina.demo.catalog import draw_catalog
from vitrina.store.paths import to_path

pytestmark = pytest.mark.slow
PROCESSED = ("processed_data.csv", "rejected.csv")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, server: Server) -> tuple[Path, pa.Table]:
    """A folder with images and the processed table of a plain catalogue, and the catalogue."""
    folder = tmp_path_factory.mktemp("shop")
    draw_catalog(folder, products=40, seed=3)
    preprocess(server, folder, folder / "plain", folder / "catalog.parquet")
    return folder, pq.read_table(folder / "catalog.parquet")


def preprocess(server: Server, shop: Path, processed: Path, *catalog: object) -> None:
    """The command line; all runs share the resized images, so paths are the same."""
    done = server.run(
        "flows/data_preprocessing.py",
        *("--file_path", *map(str, catalog), "--base_image_path", str(shop / "images")),
        *("--processed_data_path", str(processed), "--processed_images_path", str(shop / "small")),
        **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("form", FORMS)
def test_a_form_gives_the_table_of_the_plain_catalogue(
    server: Server, shop: tuple[Path, pa.Table], form: str, tmp_path: Path
) -> None:
    """To the byte, with the same rejected rows."""
    folder, table = shop
    catalog = FORMS[form](to_path(tmp_path), table)
    preprocess(server, folder, tmp_path / "processed", *catalog)
    for name in PROCESSED:
        assert (tmp_path / "processed" / name).read_text() == (folder / "plain" / name).read_text()


def test_partitions_of_hive_give_the_rows_of_the_plain_catalogue(
    server: Server, shop: tuple[Path, pa.Table], tmp_path: Path
) -> None:
    """In the order of the folders, the column of their names last; from a bucket as well."""
    folder, table = shop
    pq.write_to_dataset(table, tmp_path / "hive", partition_cols=["category"])
    preprocess(server, folder, tmp_path / "processed", tmp_path / "hive")
    plain, found = (
        pd.read_csv(path / "processed_data.csv", dtype=str)
        for path in (folder / "plain", tmp_path / "processed")
    )
    assert list(found)[-1] == "category"
    found = found[list(plain)].sort_values("nm", ignore_index=True)
    pd.testing.assert_frame_equal(found, plain.sort_values("nm", ignore_index=True))


@pytest.mark.parametrize(
    "form", ["folder of parts", "CSV of Excel", "folder of CSVs", "JSON Lines"]
)
def test_a_form_in_a_bucket_gives_the_same(
    server: Server, shop: tuple[Path, pa.Table], form: str, tmp_path: Path, bucket: str
) -> None:
    """The catalogue alone is there."""
    folder, table = shop
    catalog = FORMS[form](to_path(f"{bucket}/shop"), table)
    preprocess(server, folder, tmp_path / "processed", *catalog)
    for name in PROCESSED:
        assert (tmp_path / "processed" / name).read_text() == (folder / "plain" / name).read_text()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("*.tsv", "matches no file"),
        ("images", "is a folder of images"),
        ("shop.xlsx", "Export the sheet as CSV"),
        ("header.csv", "has no rows"),
        ("half.csv", "--catalog_delimiter"),
    ],
)
def test_what_is_no_catalogue_is_refused_in_a_line(
    server: Server, shop: tuple[Path, pa.Table], name: str, told: str, tmp_path: Path
) -> None:
    """Exit code 2, by the option of the script."""
    (tmp_path / "images").mkdir()
    for file, content in (
        ("images/1.jpg", "x"),
        ("shop.xlsx", "x"),
        ("header.csv", "nm,title,description\n"),
        ("half.csv", "nm,title,description\n1,a,b,c\n2,a,b,c\n3,a,b\n"),
    ):
        (tmp_path / file).write_text(content)
    done = server.run(
        "flows/data_preprocessing.py",
        *("--file_path", str(tmp_path / name), "--base_image_path", str(shop[0] / "images")),
        *("--processed_data_path", str(tmp_path / "p")),
        *("--processed_images_path", str(tmp_path / "q")),
    )
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert told in line
    assert not (tmp_path / "p" / "processed_data.csv").exists()
