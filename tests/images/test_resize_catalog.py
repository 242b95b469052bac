"""The resize stage: the table, the rejected rows, progress, and what is refused."""

import io
import os
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from upath import UPath

from tests.support.image_shop import CONFIG, Shop, image, rejects_of, table_of
from vitrina.catalog.table_fingerprint import table_fingerprint
from vitrina.config.images import ResizeConfig
from vitrina.errors import UserError
from vitrina.images.image_folders import resized_folder
from vitrina.images.inspect_images import inspect_images
from vitrina.images.resize_catalog import resize_catalog
from vitrina.store.artifacts import Artifact
from vitrina.store.files import atomic_write, copy, local_read, read_bytes
from vitrina.store.paths import to_path


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A small shop on disk."""
    return Shop(to_path(tmp_path))


def test_every_row_is_kept_or_rejected_for_a_reason(place: UPath) -> None:
    """A run over all kinds of bad images gives each its reason, and the counts add up."""
    shop = Shop(place, rows=2)
    shop.put("empty", b"")
    shop.put("page", b"<html></html>")
    shop.put("cut", image(1)[:400])
    shop.put("huge", image(1, (400, 400)))
    shop.ids = [
        "0",
        "1",
        "empty",
        "page",
        "cut",
        "huge",
        "gone",
        "../originals/0",
        "/etc/x",
        "",
        "1",
    ]
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
        ["../originals/0", "unsafe_path"],
        ["/etc/x", "unsafe_path"],
    ]
    assert result.rows_in == 11 == result.rows_kept + sum(result.reasons.values())
    assert result.images_resized == 5


def test_the_table_has_the_promised_columns(place: UPath) -> None:
    """Title, path and nm come first, then the rest; the Parquet has the image's hash too."""
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
    with Image.open(io.BytesIO(read_bytes(to_path(table["image_path"][3])))) as resized:
        assert resized.size == (24, 32)
        expected = Image.open(io.BytesIO(image(3))).getpixel((0, 0))
        assert np.abs(np.subtract(resized.getpixel((9, 9)), expected)).max() <= 3


def test_other_columns_survive_the_csv(shop: Shop) -> None:
    """Integers with nulls stay integers, lists become JSON, quotes and line breaks survive."""
    cleaned = shop.cleaned()
    with local_read(to_path(cleaned.table)) as local:
        table = pq.read_table(local)
    extra = {"stock": [1, None, 3, 4, 5, 6], "tags": [["а", 'б"']] * 6, "note": ['x\n"y", z'] * 6}
    extra["mac"] = ["one\rtwo\r\nthree"] * 6
    for name, values in extra.items():
        table = table.append_column(name, pa.array(values))
    with atomic_write(to_path(cleaned.table)) as temp_file:
        pq.write_table(table, temp_file)
    result, _ = resize_catalog(cleaned, shop.planner(), Artifact(shop.root / "resize"))
    frame = pd.read_csv(result.csv, dtype={"stock": "Int64"})
    assert frame["stock"].tolist()[0] == 1
    assert frame["tags"][0] == '["а", "б\\""]'
    assert frame["note"][0] == 'x\n"y", z'
    assert len(frame) == 6
    assert frame["mac"][0] == "one\ntwo\nthree"


def test_a_table_has_the_fingerprint_of_its_content_wherever_it_is(shop: Shop) -> None:
    """The Parquet file, also a copy of it, has the fingerprint that the run returned."""
    result = shop.run()
    assert table_fingerprint(to_path(result.table.path)) == result.table.fingerprint
    elsewhere = shop.root / "elsewhere.parquet"
    copy(to_path(result.table.path), elsewhere)
    assert table_fingerprint(elsewhere) == result.table.fingerprint
    shop.put(2, image(77))
    repainted = shop.run()
    assert table_fingerprint(to_path(repainted.table.path)) != result.table.fingerprint


def test_a_csv_with_a_repainted_image_is_another_table(shop: Shop) -> None:
    """The CSV has no image hashes, so the fingerprint depends on the images' files."""
    csv = to_path(shop.run().csv)
    before = table_fingerprint(csv)
    assert table_fingerprint(csv) == before
    shop.put(2, image(77))
    shop.run()
    assert table_fingerprint(csv) != before


def test_progress_counts_every_row_once(shop: Shop) -> None:
    """The callback is called after each row, also for images that are not opened."""
    shop.run()
    shop.put(2, image(77))
    calls: list[tuple[int, int]] = []
    artifact = Artifact(shop.root / "b")
    resize_catalog(shop.cleaned(), shop.planner(), artifact, lambda *call: calls.append(call))
    assert calls == [(done, 6) for done in range(1, 7)]


def test_a_folder_without_any_of_the_images_is_refused(shop: Shop) -> None:
    """Most often the folder or the pattern is wrong; the message shows what lies there."""
    told = r"of 6 rows, for example no 000\.jpg; the folder holds for example 0\.jpg"
    with pytest.raises(UserError, match=told):
        inspect_images(shop.cleaned(), shop.planner(ResizeConfig(image_pattern="{nm:03}.jpg")))


def test_images_are_inspected_without_opening_them(shop: Shop) -> None:
    """The fingerprint changes with an image, and the count says how many are new or changed."""
    before = inspect_images(shop.cleaned(), shop.planner())
    assert before.to_resize == 6
    shop.run()
    assert inspect_images(shop.cleaned(), shop.planner()) == (before.fingerprint, 0, 0)
    shop.put(2, image(77))
    after = inspect_images(shop.cleaned(), shop.planner())
    assert after.to_resize == 1
    assert after.fingerprint != before.fingerprint


def test_images_of_other_settings_go_elsewhere() -> None:
    """Each size and quality has its folder; the number of threads does not matter."""
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
        resized_folder("out", originals, config)
        for originals, config in (("a", CONFIG), ("b", CONFIG), ("a", front))
    }
    assert len(folders) == 3


def test_temp_files_of_killed_runs_are_removed_after_an_hour(tmp_path: Path) -> None:
    """A recent one stays, as another run may be writing it."""
    shop = Shop(to_path(tmp_path))
    folder = tmp_path / "images"
    folder.mkdir()
    old, young = folder / ".1.jpg.0123abcd.part", folder / ".2.jpg.0123abcd.part"
    for temp_file in (old, young):
        temp_file.write_bytes(b"half")
    os.utime(old, (0, 0))
    shop.run()
    assert not old.exists()
    assert young.exists()


def test_two_concurrent_runs_do_not_harm_each_other(shop: Shop) -> None:
    """Both give the same table, and the index knows all images afterwards."""
    cleaned, results = shop.cleaned(), []

    def run(name: str) -> None:
        planner, artifact = shop.planner(), Artifact(shop.root / name)
        results.append(resize_catalog(cleaned, planner, artifact)[0])

    threads = [threading.Thread(target=run, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0].table.fingerprint == results[1].table.fingerprint
    assert shop.run().images_resized == 0
