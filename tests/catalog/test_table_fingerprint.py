"""When a processed table counts as another one."""

import json
import os
import time
from pathlib import Path

import pandas as pd
import pytest
from upath import UPath

from tests.support.flaky_s3 import flaky_endpoint
from vitrina.catalog.table_fingerprint import ImageStamps, table_fingerprint
from vitrina.store.files import atomic_write, remove, write_bytes
from vitrina.store.paths import to_path


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


def test_every_image_of_a_listing_counts(place: UPath, images: UPath) -> None:
    """Not the main one alone; with hashes, paths still do not matter."""
    every = [json.dumps([str(images / "1.jpg"), str(images / "2.jpg")])] * 2
    paths = [str(images / "1.jpg")] * 2
    table = write_table(place, "table.csv", image_path=paths, image_paths=every)
    before = table_fingerprint(table)
    write_bytes(images / "2.jpg", b"another image")
    assert table_fingerprint(table) != before
    hashes = {"image_hash": ["aa", "bb"]}
    first = table_fingerprint(write_table(place, "a.parquet", image_paths=every, **hashes))
    moved = write_table(place, "b.parquet", image_paths=["[]", "[]"], **hashes)
    assert table_fingerprint(moved) == first


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


def test_a_look_at_each_image_lists_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a huge tree, in a folder that may not be read, or on a device."""
    (tmp_path / "huge" / "tree").mkdir(parents=True)
    (tmp_path / "1.jpg").write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe")

    def refuse(path: object) -> None:
        raise AssertionError(path)

    monkeypatch.setattr(os, "scandir", refuse)
    names = ("1.jpg", "pipe", "huge", "huge/absent.jpg", "1.jpg/below")
    paths = [*(str(tmp_path / name) for name in names), "/dev/zero", "/dev/null"]
    first, *others = ImageStamps().of(paths)
    assert len(first) > len(paths[0]) + 10
    assert others == [f"{path} " for path in paths[1:]]


def test_exchanged_images_have_other_stamps(tmp_path: Path) -> None:
    """Of the same size and time of modification."""
    paths = [tmp_path / "1.jpg", tmp_path / "2.jpg"]
    for path in paths:
        path.write_bytes(b"123")
        os.utime(path, (1, 1))
    before = ImageStamps().of(list(map(str, paths)))
    time.sleep(0.02)
    paths[0].rename(tmp_path / "third")
    paths[1].rename(paths[0])
    (tmp_path / "third").rename(paths[1])
    after = ImageStamps().of(list(map(str, paths)))
    assert not set(before) & set(after)


def test_images_on_s3_are_asked_for_in_few_requests(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of a listing for a folder with many of them, and nothing of the folders below."""
    folder = to_path(bucket) / "images"
    for number in range(20):
        write_bytes(folder / f"{number}.jpg", b"x")
        write_bytes(folder / "below" / f"{number}.jpg", b"x")
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "25")
    with flaky_endpoint(no_fault) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        folder.fs.clear_instance_cache()
        paths = [f"{bucket}/images/{number}.jpg" for number in range(20)]
        images = ImageStamps()
        stamps = images.of(paths[:12]) + images.of(paths[12:])
        assert len(set(stamps)) == 20
        assert all(len(stamp) > len(path) + 20 for stamp, path in zip(stamps, paths, strict=True))
        assert sum(endpoint.app.asked.values()) == 1


def no_fault(_method: str, _name: str) -> None:
    """An S3 server without faults, whose requests are counted."""
