"""Images wherever a shop keeps them, from the command line: the table of the plain form."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prefect.testing.utilities import prefect_test_harness

from flows.data_preprocessing import data_preprocessing
from tests.support.catalog_run import catalog_of
from tests.support.command_line import command
from tests.support.image_server import Site, serving, status
from tests.support.image_shop import image
from vitrina.config.fetch import FetchConfig
from vitrina.config.scripts import DataPreprocessingConfig

pytestmark = pytest.mark.slow
IDS = [108_775_015 + 1_000_003 * number for number in range(8)]
DATA = {nm: image(nm % 1_000) for nm in IDS}


class Form(NamedTuple):
    """Where the images are: their files' names, a column for the catalogue, and the options."""

    name: str | None
    column: Callable[[str, str], Any] | None  # of the folder and the server's address
    options: tuple[str, ...]


COLUMN = ("--image_column", "photo")
FORMS = {
    "formats": Form(
        "{3:03d}/{0:010d}.jpg", None, ("--image_pattern", "{nm//10000000:03d}/{nm:010d}.jpg")
    ),
    "arithmetic": Form(
        "vol{1}/part{2}/{0}/images/big/1.webp",
        None,
        ("--image_pattern", "vol{nm//100000}/part{nm//1000}/{nm}/images/big/1.webp"),
    ),
    "wildcard": Form("{0}.png", None, ("--image_pattern", "{nm}.*")),
    "paths": Form("a/{0}.jpg", lambda *_: [f"a/{nm}.jpg" for nm in IDS], COLUMN),
    "absolute paths": Form(
        "a/{0}.jpg", lambda folder, _: [f"{folder}/a/{nm}.jpg" for nm in IDS], COLUMN
    ),
    "lists": Form("{0}.jpg", lambda *_: [[f"{nm}.jpg"] for nm in IDS], COLUMN),
    "addresses": Form(None, lambda _, url: [f"{url}/{nm}.jpg" for nm in IDS], COLUMN),
    "structs": Form(
        None, lambda *_: [{"bytes": data, "path": "1.jpg"} for data in DATA.values()], COLUMN
    ),
    "bytes": Form(None, lambda *_: list(DATA.values()), COLUMN),
}
WITHOUT_FOLDER = ("absolute paths", "addresses", "structs", "bytes")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A server with all images."""
    with serving() as site:
        for nm, data in DATA.items():
            site.at(f"/{nm}.jpg", status(200, data))
        yield site


def write(folder: Path, form: Form, url: str) -> None:
    """catalog.parquet, and the images where the form has them."""
    images = folder / "images"
    images.mkdir(parents=True)
    for nm, data in DATA.items():
        if form.name:
            path = images / form.name.format(nm, nm // 100_000, nm // 1_000, nm // 10**7)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    column = {"photo": form.column(str(images), url)} if form.column else {}
    pq.write_table(catalog_of(IDS, **column), folder / "catalog.parquet")


def preprocess(folder: Path, name: str, form: Form) -> pd.DataFrame:
    """The processed table of a run from the command line, without what only some forms have."""
    images = () if name in WITHOUT_FOLDER else ("--base_image_path", folder / "images")
    done = command(
        "data_preprocessing.py",
        *("--file_path", folder / "catalog.parquet", *images),
        *("--processed_data_path", folder / "table", "--processed_images_path", folder / "resized"),
        *("--default_image_size", 32, 32, "--fetch.allow_private_addresses", *form.options),
    )
    assert done.returncode == 0, done.stderr
    table = pd.read_parquet(folder / "table" / "processed_data.parquet")
    assert all(Path(path).is_file() for path in table["image_path"])
    csv = pd.read_csv(folder / "table" / "processed_data.csv")
    assert csv["nm"].tolist() == table["nm"].tolist()
    assert (folder / "table" / "processed_data.csv").stat().st_size < 10_000
    return table[["title", "nm", "description", "image_hash"]]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The processed table of <nm>.jpg."""
    folder, form = tmp_path_factory.mktemp("plain"), Form("{0}.jpg", None, ())
    write(folder, form, "")
    return preprocess(folder, "plain", form)


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_table_of_the_plain_one(
    tmp_path: Path, site: Site, plain: pd.DataFrame, name: str
) -> None:
    """From files, addresses and the table itself, with a folder of images only where one is."""
    write(tmp_path, FORMS[name], site.url)
    assert preprocess(tmp_path, name, FORMS[name]).equals(plain)


def test_a_column_of_addresses_without_a_network_is_told_in_a_line(tmp_path: Path) -> None:
    """No row is rejected for it, and the next run does everything."""
    ids = list(range(30))
    catalog = catalog_of(ids, photo=[f"http://127.0.0.1:9/{nm}.jpg" for nm in ids])
    pq.write_table(catalog, tmp_path / "catalog.parquet")
    done = command(
        "data_preprocessing.py",
        *("--file_path", tmp_path / "catalog.parquet", "--image_column", "photo"),
        *("--processed_data_path", tmp_path / "table"),
        *("--processed_images_path", tmp_path / "resized"),
        *("--fetch.allow_private_addresses", "--fetch.patience", 0, "--fetch.retries", 0),
    )
    assert done.returncode == 2
    assert "error: No image can be fetched, no host can be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "table" / "rejected.csv").exists()


def test_the_pipeline_trains_on_all_images_of_the_demo(tmp_path: Path) -> None:
    """A third of its listings has two; vectors have the order of the CSV."""
    done = command(
        "pipeline.py",
        *("--demo", "--demo_products", 60, "--resize.image_pattern", "{nm}*.jpg"),
        *("--train.num_epochs", 1, "--output", tmp_path / "out"),
    )
    assert done.returncode == 0, done.stderr
    table = pd.read_parquet(tmp_path / "out" / "resize" / "latest" / "processed_data.parquet")
    assert set(table["image_paths"].map(len)) == {1, 2}
    with np.load(tmp_path / "out" / "embed" / "latest" / "embeddings.npz") as vectors:
        assert vectors["nm"].tolist() == table["nm"].tolist()


def test_ray_fetches_and_reads_as_threads_do(tmp_path: Path, site: Site) -> None:
    """Addresses and images in the table, in one column."""
    pytest.importorskip("ray")
    photos = [
        [{"bytes": None, "path": f"{site.url}/{nm}.jpg"}, {"bytes": DATA[other], "path": None}]
        for nm, other in zip(IDS, reversed(IDS), strict=True)
    ]
    kind = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    catalog = catalog_of(IDS, photo=pa.array(photos, kind))
    pq.write_table(catalog, tmp_path / "catalog.parquet", row_group_size=3)
    fingerprints = set()
    with prefect_test_harness(server_startup_timeout=120):
        for executor in ("threads", "ray"):
            config = DataPreprocessingConfig(
                file_path=(str(tmp_path / "catalog.parquet"),),
                processed_data_path=str(tmp_path / executor),
                processed_images_path=str(tmp_path / executor / "images"),
                default_image_size=(32, 32),
                image_column="photo",
                executor=executor,
                fetch=FetchConfig(allow_private_addresses=True),
            )
            result = data_preprocessing(config)
            assert (result.rows_kept, result.images_resized) == (8, 16)
            fingerprints.add(result.table.fingerprint)
    assert len(fingerprints) == 1
