"""The resize stage: the table, the rejects, what is refused, and the task."""

import io
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from prefect.logging import disable_run_logger
from prefect.states import State
from upath import UPath

from tasks.resize import resize
from tests.support.image_shop import CONFIG, Shop, image, rejects_of, table_of
from vitrina.catalog.table_fingerprint import table_fingerprint
from vitrina.config import ResizeConfig
from vitrina.errors import UserError
from vitrina.images.resize_catalog import inspect_images, resize_catalog, resized_folder
from vitrina.images.resize_plan import ResizePlanner
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.files import atomic_write, copy, listing, local_read, read_bytes, write_bytes
from vitrina.store.paths import to_path


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A small shop on this machine."""
    return Shop(to_path(tmp_path))


def test_every_row_is_kept_or_rejected_by_name(place: UPath) -> None:
    """A run over all kinds of bad images names each, and the counts add up."""
    shop = Shop(place, rows=2)
    shop.put("empty", b"")
    shop.put("page", b"<html></html>")
    shop.put("cut", image(1)[:400])
    shop.put("huge", image(1, (400, 400)))
    shop.ids = ["0", "1", "empty", "page", "cut", "huge", "gone", "../images/0", "/etc/x", "", "1"]
    result = shop.run(config=CONFIG.model_copy(update={"max_pixels": 100_000}))
    assert table_of(result)["nm"].tolist() == ["0", "1"]
    assert rejects_of(result) == [
        ["nm", "reason"],
        ["", "missing_id"],
        ["1", "duplicate_id"],
        ["empty", "empty_image"],
        ["page", "unreadable_image"],
        ["cut", "truncated_image"],
        ["huge", "too_large_image"],
        ["gone", "missing_image"],
        ["../images/0", "unsafe_path"],
        ["/etc/x", "unsafe_path"],
    ]
    assert result.rows_in == 11 == result.rows_kept + sum(result.reasons.values())
    assert result.images_resized == 5


def test_the_table_has_the_promised_columns(place: UPath) -> None:
    """Title and path first, then nm and the rest; the Parquet has the image's hash too."""
    result = Shop(place).run()
    table = table_of(result)
    assert list(table) == ["title", "image_path", "nm", "description", "kind", "image_hash"]
    assert table["image_path"].tolist() == [f"{place}/images/{nm}.jpg" for nm in range(6)]
    assert table["image_hash"].is_unique
    text = read_bytes(to_path(result.csv)).decode()
    assert text.splitlines()[:2] == [
        "title,image_path,nm,description,kind",
        f"Товар 0,{place}/images/0.jpg,0,Товар 0,Товар 0",
    ]
    with Image.open(io.BytesIO(read_bytes(to_path(table["image_path"][3])))) as image:
        assert image.size == (24, 32)
        expected = Image.open(io.BytesIO(image(3))).getpixel((0, 0))
        assert np.abs(np.subtract(image.getpixel((9, 9)), expected)).max() <= 3


def test_other_columns_come_through_the_csv(shop: Shop) -> None:
    """Integers with nulls stay integers, lists become JSON, quotes and line breaks survive."""
    cleaned = shop.cleaned()
    with local_read(to_path(cleaned.table)) as local:
        table = pq.read_table(local)
    more = {"stock": [1, None, 3, 4, 5, 6], "tags": [["а", 'б"']] * 6, "note": ['x\n"y", z'] * 6}
    more["mac"] = ["one\rtwo\r\nthree"] * 6
    for name, values in more.items():
        table = table.append_column(name, pa.array(values))
    with atomic_write(to_path(cleaned.table)) as aside:
        pq.write_table(table, aside)
    result, _ = resize_catalog(cleaned, shop.survey(), Artifact(shop.place / "resize"))
    frame = pd.read_csv(result.csv, dtype={"stock": "Int64"})
    assert frame["stock"].tolist()[0] == 1
    assert frame["tags"][0] == '["а", "б\\""]'
    assert frame["note"][0] == 'x\n"y", z'
    assert len(frame) == 6
    assert frame["mac"][0] == "one\ntwo\nthree"


def test_a_table_has_the_fingerprint_of_its_content_wherever_it_lies(shop: Shop) -> None:
    """Whoever reads the Parquet file finds the fingerprint that the run returned."""
    result = shop.run()
    assert table_fingerprint(to_path(result.table)) == result.fingerprint
    elsewhere = shop.place / "elsewhere.parquet"
    copy(to_path(result.table), elsewhere)
    assert table_fingerprint(elsewhere) == result.fingerprint
    shop.put(2, image(77))
    repainted = shop.run()
    assert table_fingerprint(to_path(repainted.table)) != result.fingerprint


def test_a_csv_with_a_repainted_image_is_another_table(shop: Shop) -> None:
    """The CSV says nothing of what the images show, so their files are looked at."""
    csv = to_path(shop.run().csv)
    before = table_fingerprint(csv)
    assert table_fingerprint(csv) == before
    shop.put(2, image(77))
    shop.run()
    assert table_fingerprint(csv) != before


def test_the_path_of_an_id_never_leaves_the_folder(tmp_path: Path) -> None:
    """An image beside the folder is not read, and none is written beside the target."""
    shop = Shop(to_path(tmp_path / "shop"), rows=1)
    (tmp_path / "shop" / "secret.jpg").write_bytes(image(1))
    shop.ids = [
        "0",
        "../secret",
        "x/../../secret",
        f"{tmp_path}/shop/secret",
        "a\0b",
        "..",
        "я" * 150,
    ]
    before = set(dict(listing(shop.place)))
    result = shop.run()
    assert result.reasons == {"unsafe_path": 6}
    new = set(dict(listing(shop.place))) - before
    assert {name for name in new if name.endswith(".jpg")} == {"images/0.jpg"}


def test_ids_that_no_store_can_name_are_rejected(place: UPath) -> None:
    """One such id does not end the run of the others."""
    shop = Shop(place)
    shop.ids = [*map(str, shop.ids), "brand::7", "a?versionId=1"]
    result = shop.run()
    assert (result.rows_kept, result.reasons) == (6, {"unsafe_path": 2})


def test_the_image_pattern_is_a_setting(shop: Shop) -> None:
    """Images may lie in folders of their own and be of another format."""
    for nm in shop.ids:
        write_bytes(shop.place / "images" / str(nm) / "main.png", image(nm, kind="PNG"))
    for pattern in ("{nm}/main.png", "./{nm}/main.png"):
        result = shop.run(config=CONFIG.model_copy(update={"image_pattern": pattern}))
        assert result.rows_kept == 6


def test_a_file_name_that_is_no_text_does_no_harm(shop: Shop) -> None:
    """Linux allows any bytes in a name; such a file is just not a listing's image."""
    (Path(shop.images.path) / os.fsdecode(b"\xff\xfe.jpg")).write_bytes(image(1))
    assert shop.run().rows_kept == 6


def test_progress_is_told(shop: Shop) -> None:
    """The callback hears of every row once, known ones included."""
    shop.run()
    shop.put(2, image(77))
    heard: list[tuple[int, int]] = []
    place = Artifact(shop.place / "b")
    resize_catalog(shop.cleaned(), shop.survey(), place, lambda *told: heard.append(told))
    assert heard == [(done, 6) for done in range(1, 7)]


def test_images_in_the_place_of_the_originals_are_refused(shop: Shop) -> None:
    """The folder of resized images cannot be that of the originals."""
    with pytest.raises(UserError, match="Name another folder"):
        ResizePlanner.make(shop.images, shop.images / ".." / "images", CONFIG)
    pattern = ResizeConfig(image_pattern="images/{nm}.jpg")
    with pytest.raises(UserError, match="Name another folder"):
        ResizePlanner.make(shop.place, shop.images, pattern)


def test_a_folder_without_any_of_the_images_is_refused(shop: Shop) -> None:
    """Most often the folder or the pattern is wrong; the message shows a name looked for."""
    with pytest.raises(UserError, match=r"of none of 6 rows, for instance no 0\.png"):
        inspect_images(shop.cleaned(), shop.survey(ResizeConfig(image_pattern="{nm}.png")))
    with pytest.raises(UserError, match="does not exist"):
        ResizePlanner.make(shop.place / "nowhere", shop.images, CONFIG)


def test_the_task_runs_once_per_content(shop: Shop) -> None:
    """Cached with the same inputs; made again when an image, a reject or a file changes."""
    store = Store(root=str(shop.place / "store"))
    images = resized_folder(store.root, str(shop.images), CONFIG)

    def run(config: ResizeConfig = CONFIG) -> Any:
        with disable_run_logger():
            return resize.fn(shop.cleaned(), str(shop.images), images, store, config)

    first = run()
    assert first.images == images
    assert isinstance(run(), State)
    assert isinstance(run(CONFIG.model_copy(update={"threads": 3})), State)
    shutil.rmtree(images)
    assert run() == first
    shop.put(0, image(50))
    assert run().fingerprint != first.fingerprint
    shop.ids = [*shop.ids, 5]
    assert run().reasons == {"duplicate_id": 1}


def test_images_of_other_settings_go_elsewhere() -> None:
    """Sizes and quality have a folder each; threads do not count."""
    folders = {
        resized_folder("out", "images", ResizeConfig(**options))
        for options in ({}, {"threads": 3}, {"quality": 80}, {"default_image_size": (9, 9)})
    }
    assert len(folders) == 3
    folder = resized_folder("s3://bucket/out", "images", CONFIG)
    assert folder.startswith("s3://bucket/out/images/")


def test_another_folder_of_originals_has_another_folder_of_images() -> None:
    """Two catalogues under one output may give the same id to different images."""
    front = ResizeConfig(image_pattern="{nm}/front.jpg")
    folders = {
        resized_folder("out", images, config)
        for images, config in (("a", CONFIG), ("b", CONFIG), ("a", front))
    }
    assert len(folders) == 3
