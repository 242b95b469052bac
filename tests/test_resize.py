"""The resize stage: the table, the rejects, and a folder of pictures that fills up over runs."""

import csv
import io
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import botocore.exceptions
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3fs
from moto.server import DomainDispatcherApplication, create_backend_app
from PIL import Image
from prefect.logging import disable_run_logger
from prefect.states import State
from upath import UPath
from werkzeug.serving import make_server

from tasks import picture_index, picture_pool
from tasks.clean import clean_catalog
from tasks.config import CleanConfig, ResizeConfig
from tasks.errors import UserError
from tasks.picture_plan import Survey
from tasks.pictures import shrink
from tasks.resize import look, pictures_folder, resize, resize_catalog
from tasks.results import CleanResult, ResizeResult
from tasks.retries import may_pass
from tasks.storage import (
    Artifact,
    Store,
    listing,
    location,
    read_bytes,
    reading,
    remove,
    write_bytes,
    writing,
)

CONFIG = ResizeConfig(default_image_size=(32, 32))


def picture(seed: int, size: tuple[int, int] = (60, 80), kind: str = "JPEG") -> bytes:
    """A picture of its own colour."""
    colour = np.random.default_rng(seed).integers(0, 255, 3)
    file = io.BytesIO()
    Image.fromarray(np.full((*size[::-1], 3), colour, np.uint8)).save(file, kind)
    return file.getvalue()


class Shop:
    """A catalogue and its pictures at a place, and runs of clean and resize on them."""

    def __init__(self, place: UPath, rows: int = 6) -> None:
        self.place = place
        self.images, self.pictures = place / "images", place / "pictures"
        self.ids: list[Any] = list(range(rows))
        for nm in self.ids:
            self.put(nm, picture(nm))

    def put(self, nm: Any, data: bytes) -> None:
        """Give a listing a picture."""
        write_bytes(self.images / f"{nm}.jpg", data)

    def cleaned(self) -> CleanResult:
        """The cleaned table of the ids."""
        texts = [f"Товар {nm}" for nm in self.ids]
        table = pa.table({"nm": self.ids, "title": texts, "description": texts, "kind": texts})
        with writing(self.place / "catalog.parquet") as aside:
            pq.write_table(table, aside)
        artifact = Artifact(self.place / "clean")
        return clean_catalog(self.place / "catalog.parquet", artifact, CleanConfig())[0]

    def survey(self, config: ResizeConfig = CONFIG, **options: Any) -> Survey:
        """What there is to see."""
        return Survey.make(self.images, self.pictures, config, **options)

    def run(
        self, name: str = "resize", config: ResizeConfig = CONFIG, **options: Any
    ) -> ResizeResult:
        """Clean and resize; the files are in the folder of the name."""
        artifact = Artifact(self.place / name)
        survey = self.survey(config, **options)
        result, files = resize_catalog(self.cleaned(), survey, artifact, lambda _done: None)
        assert set(files) <= set(listing(artifact.path))
        return result

    def files(self, name: str = "resize") -> dict[str, bytes]:
        """Table and pictures, without the index."""
        places = (self.place / name, self.pictures)
        return {
            file: read_bytes(place / file)
            for place in places
            for file in listing(place)
            if not file.startswith(".")
        }


def table_of(result: ResizeResult) -> pd.DataFrame:
    """The processed table."""
    with reading(location(result.table)) as local:
        return pd.read_parquet(local)


def rejects_of(result: ResizeResult) -> list[list[str]]:
    """The rejected rows."""
    text = read_bytes(location(result.rejected)).decode()
    return list(csv.reader(io.StringIO(text)))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A small shop on this machine."""
    return Shop(location(tmp_path))


def opens(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """A list that every picture that is opened from now on is added to."""
    seen: list[bytes] = []

    def watched(data: bytes, config: ResizeConfig) -> bytes:
        seen.append(data)
        return shrink(data, config)

    monkeypatch.setattr(picture_pool, "shrink", watched)
    return seen


def test_every_row_is_kept_or_rejected_by_name(place: UPath) -> None:
    """A run over all kinds of bad pictures names each, and the counts add up."""
    shop = Shop(place, rows=2)
    shop.put("empty", b"")
    shop.put("page", b"<html></html>")
    shop.put("cut", picture(1)[:400])
    shop.put("huge", picture(1, (400, 400)))
    shop.ids = ["0", "1", "empty", "page", "cut", "huge", "gone", "../images/0", "/etc/x", "", "1"]
    result = shop.run(config=CONFIG.model_copy(update={"max_pixels": 100_000}))
    assert table_of(result)["nm"].tolist() == ["0", "1"]
    assert rejects_of(result) == [
        ["nm", "reason"],
        ["", "missing_id"],
        ["1", "duplicate_id"],
        ["empty", "empty_picture"],
        ["page", "unreadable_picture"],
        ["cut", "truncated_picture"],
        ["huge", "too_large_picture"],
        ["gone", "missing_picture"],
        ["../images/0", "unsafe_path"],
        ["/etc/x", "unsafe_path"],
    ]
    assert result.rows_in == 11 == result.rows_kept + sum(result.reasons.values())
    assert result.pictures_resized == 5


def test_the_table_has_the_promised_columns(place: UPath) -> None:
    """Title and path first, then nm and the rest; the Parquet has the picture's hash too."""
    result = Shop(place).run()
    table = table_of(result)
    assert list(table) == ["title", "image_path", "nm", "description", "kind", "picture_hash"]
    assert table["image_path"].tolist() == [f"{place}/pictures/{nm}.jpg" for nm in range(6)]
    assert table["picture_hash"].is_unique
    text = read_bytes(location(result.csv)).decode()
    assert text.splitlines()[:2] == [
        "title,image_path,nm,description,kind",
        f"Товар 0,{place}/pictures/0.jpg,0,Товар 0,Товар 0",
    ]
    with Image.open(io.BytesIO(read_bytes(location(table["image_path"][3])))) as image:
        assert image.size == (24, 32)
        expected = Image.open(io.BytesIO(picture(3))).getpixel((0, 0))
        assert np.abs(np.subtract(image.getpixel((9, 9)), expected)).max() <= 3


def test_other_columns_come_through_the_csv(shop: Shop) -> None:
    """Integers with nulls stay integers, lists become JSON, quotes and line breaks survive."""
    cleaned = shop.cleaned()
    with reading(location(cleaned.table)) as local:
        table = pq.read_table(local)
    more = {"stock": [1, None, 3, 4, 5, 6], "tags": [["а", 'б"']] * 6, "note": ['x\n"y", z'] * 6}
    for name, values in more.items():
        table = table.append_column(name, pa.array(values))
    with writing(location(cleaned.table)) as aside:
        pq.write_table(table, aside)
    result, _ = resize_catalog(
        cleaned, shop.survey(), Artifact(shop.place / "resize"), lambda _done: None
    )
    frame = pd.read_csv(result.csv, dtype={"stock": "Int64"})
    assert frame["stock"].tolist()[0] == 1
    assert frame["tags"][0] == '["а", "б\\""]'
    assert frame["note"][0] == 'x\n"y", z'


def test_the_path_of_an_id_never_leaves_the_folder(tmp_path: Path) -> None:
    """A picture beside the folder is not read, and none is written beside the target."""
    shop = Shop(location(tmp_path / "shop"), rows=1)
    (tmp_path / "shop" / "secret.jpg").write_bytes(picture(1))
    shop.ids = [
        "0",
        "../secret",
        "x/../../secret",
        f"{tmp_path}/shop/secret",
        "a\0b",
        "..",
        "я" * 150,
    ]
    before = set(listing(shop.place))
    result = shop.run()
    assert result.reasons == {"unsafe_path": 6}
    new = set(listing(shop.place)) - before
    assert {name for name in new if name.endswith(".jpg")} == {"pictures/0.jpg"}


def test_the_picture_pattern_is_a_setting(shop: Shop) -> None:
    """Pictures may lie in folders of their own and be of another format."""
    for nm in shop.ids:
        write_bytes(shop.place / "images" / str(nm) / "main.png", picture(nm, kind="PNG"))
    result = shop.run(config=CONFIG.model_copy(update={"picture_pattern": "{nm}/main.png"}))
    assert result.rows_kept == 6


def test_progress_is_told(shop: Shop) -> None:
    """The callback hears of every row once, known ones included."""
    shop.run()
    shop.put(2, picture(77))
    heard: list[int] = []
    resize_catalog(shop.cleaned(), shop.survey(), Artifact(shop.place / "b"), heard.append)
    assert heard == [1, 2, 3, 4, 5, 6]


# --- runs that build on earlier ones ---------------------------------------------------------


def test_an_unchanged_picture_is_not_opened_again(
    place: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second run opens nothing, rejected pictures included, and gives the same."""
    shop = Shop(place)
    shop.put("1", b"no picture")
    first, files = shop.run(), shop.files()
    seen = opens(monkeypatch)
    second = shop.run()
    assert seen == []
    assert shop.files() == files
    assert second == first.model_copy(update={"pictures_resized": 0})


def test_a_change_costs_what_has_changed(place: UPath, monkeypatch: pytest.MonkeyPatch) -> None:
    """One picture changed, one row new, one gone: two are opened, and it equals a full run."""
    shop = Shop(place)
    shop.run()
    shop.put(3, picture(99))
    shop.put(6, picture(6))
    shop.ids = [0, 2, 3, 4, 5, 6]
    seen = opens(monkeypatch)
    changed = shop.run()
    assert sorted(seen) == sorted([picture(99), picture(6)])
    assert table_of(changed)["nm"].tolist() == shop.ids
    files = shop.files()
    shop.pictures = place / "afresh"
    full = shop.run("full")
    assert full.fingerprint == changed.fingerprint
    pictures = {name: data for name, data in shop.files("full").items() if name.endswith(".jpg")}
    assert pictures.items() <= files.items()


@pytest.mark.parametrize("harm", ["removed", "cut"])
def test_a_resized_picture_that_is_gone_is_made_again(shop: Shop, harm: str) -> None:
    """A row of the index counts only while its picture is there in its full size."""
    first, files = shop.run(), shop.files()
    gone = shop.pictures / "4.jpg"
    if harm == "removed":
        remove([gone])
    else:
        write_bytes(gone, read_bytes(gone)[:100])
    second = shop.run()
    assert second.pictures_resized == 1
    assert second.fingerprint == first.fingerprint
    assert shop.files() == files


def test_other_settings_make_every_picture_again(shop: Shop) -> None:
    """A folder that the user names serves one setting after the other."""
    shop.run()
    smaller = shop.run(config=ResizeConfig(default_image_size=(16, 16)))
    assert smaller.pictures_resized == 6
    with Image.open(table_of(smaller)["image_path"][0]) as image:
        assert image.size == (12, 16)
    assert (
        shop.run(config=ResizeConfig(default_image_size=(16, 16), threads=1)).pictures_resized == 0
    )


def test_refresh_makes_every_picture_again(shop: Shop) -> None:
    """Whatever the index says, and the next run builds on it."""
    shop.run()
    assert shop.run(refresh=True).pictures_resized == 6
    assert shop.run().pictures_resized == 0


def test_the_index_stays_in_few_files(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small parts are put together, and nothing is forgotten."""
    monkeypatch.setattr(picture_index, "WRITE_ROWS", 1)
    monkeypatch.setattr(picture_index, "MAX_PARTS", 4)
    shop.run()
    assert len(listing(shop.pictures / ".index")) == 1
    assert shop.run().pictures_resized == 0


KILLED = """
import os, signal, sys
from tasks.picture_index import PictureIndex
from tasks import picture_index
from tests.test_resize import Shop
from tasks.storage import location

add, parts = PictureIndex._add, []

def add_and_die(index, rows):
    add(index, rows)
    parts.append(rows)
    if len(parts) == 4:
        os.kill(os.getpid(), signal.SIGKILL)

picture_index.WRITE_ROWS = 5
PictureIndex._add = add_and_die
Shop(location(sys.argv[1]), rows=40).run()
"""


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9 in the middle: no table, most pictures kept, and the same outcome in the end."""
    root = Path(__file__).parent.parent
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "killed")],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    shop = Shop(location(tmp_path / "killed"), rows=0)
    shop.ids = list(range(40))
    assert not [name for name in listing(shop.place / "resize") if name.startswith("processed")]
    seen = opens(monkeypatch)
    resumed = shop.run()
    assert len(seen) == 40 - 4 * 5
    whole = Shop(location(tmp_path / "whole"), rows=40)
    assert resumed.fingerprint == whole.run().fingerprint


def test_two_runs_at_once_do_not_harm_each_other(shop: Shop) -> None:
    """Both give the same table, every picture is whole, and the index knows them all."""
    cleaned, results = shop.cleaned(), []

    def run(name: str) -> None:
        survey, artifact = shop.survey(), Artifact(shop.place / name)
        results.append(resize_catalog(cleaned, survey, artifact, lambda _done: None)[0])

    threads = [threading.Thread(target=run, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0].fingerprint == results[1].fingerprint
    assert shop.run().pictures_resized == 0


# --- the store fails -------------------------------------------------------------------------


def failing(error: Callable[[], Exception], at: int) -> Callable[[UPath], bytes]:
    """read_bytes that fails once."""
    calls = iter(range(1_000_000))

    def read(path: UPath) -> bytes:
        if next(calls) == at:
            raise error()
        return read_bytes(path)

    return read


def test_a_failure_of_the_store_is_no_rejected_picture(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised as one that may pass; the next try opens what is left, and rejects nothing."""
    answer = {"ResponseMetadata": {"HTTPStatusCode": 503}, "Error": {"Code": "SlowDown"}}
    slow_down = lambda: botocore.exceptions.ClientError(answer, "GetObject")  # noqa: E731
    monkeypatch.setattr(picture_pool, "read_bytes", failing(slow_down, at=3))
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        shop.run(config=CONFIG.model_copy(update={"threads": 1}))
    assert may_pass(caught.value)
    second = shop.run()
    assert second.pictures_resized == 3
    assert second.reasons == {}


class FlakyS3:
    """A real S3 API over HTTP that fails the first request of some kinds."""

    def __init__(self) -> None:
        self.api = DomainDispatcherApplication(create_backend_app)
        self.failed: list[str] = []

    def __call__(self, request: dict[str, Any], start: Any) -> Iterable[bytes]:
        """Answer like S3, or like S3 on a bad day."""
        asked = f"{request['REQUEST_METHOD']} {request['PATH_INFO'].rsplit('/', 1)[-1]}"
        faults = {"GET 1.jpg": "503", "PUT 3.jpg": "503", "GET 4.jpg": "cut", "PUT 5.jpg": "500"}
        if asked not in faults or asked in self.failed:
            return self.api(request, start)
        self.failed.append(asked)
        if faults[asked] == "cut":
            return [b"".join(self.api(request, start))[:100]]
        start(f"{faults[asked]} Slow Down", [("Content-Type", "application/xml")])
        return [b"<Error><Code>SlowDown</Code><Message>Reduce your request rate</Message></Error>"]


def test_a_flaky_s3_costs_no_picture(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """503, 500 and a connection dropped in mid-body: the same table as on a good day."""
    good = Shop(location(bucket) / "good").run()
    flaky = FlakyS3()
    server = make_server("127.0.0.1", 0, flaky, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        shop = Shop(location(bucket) / "bad", rows=0)
        shop.ids = list(range(6))
        shop.images = location(bucket) / "good" / "images"
        bad = shop.run()
    finally:
        server.shutdown()
    assert sorted(flaky.failed) == ["GET 1.jpg", "GET 4.jpg", "PUT 3.jpg", "PUT 5.jpg"]
    assert bad.reasons == {}
    assert bad.fingerprint == good.fingerprint


@pytest.mark.parametrize(
    ("cause", "expected"),
    [(FileNotFoundError(), "missing_picture"), (PermissionError(), "unreadable_picture")],
)
def test_a_file_that_cannot_be_read_is_one_rejected_row(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, cause: OSError, expected: str
) -> None:
    """Removed since the listing, or not readable: rejected now, and tried again next time."""

    def error() -> UserError:
        refused = UserError("no")
        refused.__cause__ = cause
        return refused

    monkeypatch.setattr(picture_pool, "read_bytes", failing(error, at=0))
    assert shop.run().reasons == {expected: 1}
    assert shop.run().reasons == {}


def test_pictures_in_the_place_of_the_originals_are_refused(shop: Shop) -> None:
    """The folder of resized pictures cannot be that of the originals."""
    with pytest.raises(UserError, match="Name another folder"):
        Survey.make(shop.images, shop.images / ".." / "images", CONFIG)


def test_a_folder_without_any_of_the_pictures_is_refused(shop: Shop) -> None:
    """Most often the folder or the pattern is wrong; the message shows a name looked for."""
    with pytest.raises(UserError, match=r"of none of 6 rows, for instance no 0\.png"):
        look(shop.cleaned(), shop.survey(ResizeConfig(picture_pattern="{nm}.png")))
    with pytest.raises(UserError, match="does not exist"):
        Survey.make(shop.place / "nowhere", shop.pictures, CONFIG)


# --- the task --------------------------------------------------------------------------------


def test_the_task_runs_once_per_content(shop: Shop) -> None:
    """Cached with the same inputs; made again when a picture, a reject or a file changes."""
    store = Store(root=str(shop.place / "store"))
    pictures = pictures_folder(store.root, CONFIG)

    def run(config: ResizeConfig = CONFIG) -> Any:
        with disable_run_logger():
            return resize.fn(shop.cleaned(), str(shop.images), pictures, store, config)

    first = run()
    assert first.pictures == pictures
    assert isinstance(run(), State)
    assert isinstance(run(CONFIG.model_copy(update={"threads": 3})), State)
    shutil.rmtree(pictures)
    assert run() == first
    shop.put(0, picture(50))
    assert run().fingerprint != first.fingerprint
    shop.ids = [*shop.ids, 5]
    assert run().reasons == {"duplicate_id": 1}


def test_pictures_of_other_settings_go_elsewhere() -> None:
    """Sizes and quality have a folder each; threads do not count."""
    folders = {
        pictures_folder("out", ResizeConfig(**options))
        for options in ({}, {"threads": 3}, {"quality": 80}, {"default_image_size": (9, 9)})
    }
    assert len(folders) == 3
    assert pictures_folder("s3://bucket/out", CONFIG).startswith("s3://bucket/out/pictures/")
