"""The cache of decoded images: shared by processes and trainings, within a limit."""

import errno
import fcntl
import logging
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from vitrina.images import pixel_cache
from vitrina.images.pixel_cache import PixelCache, open_cache
from vitrina.store.code_version import code_version

RESOLUTION = 4
SIZE = 3 * RESOLUTION**2  # bytes of an image
GREY = np.full((3, RESOLUTION, RESOLUTION), 7, np.uint8)


def opened(
    root: Path, keys: Sequence[str], images: float = 1_000, mode: str = "shortest"
) -> PixelCache:
    """A cache whose limit is a number of images."""
    cache = open_cache(root, keys, RESOLUTION, mode, images * SIZE / 1e9)
    assert cache is not None
    return cache


def hits(root: Path, keys: str, images: float = 1_000, mode: str = "shortest") -> list[bool]:
    """Which images are cached; all that have a slot are afterwards."""
    cache = opened(root, keys, images, mode)
    cached = [cache.get(index) is not None for index in range(len(keys))]
    for index in range(len(keys)):
        cache.put(index, GREY)
    return cached


def folders(root: Path) -> set[str]:
    """The names of the caches, without the version of the decoding code."""
    return {path.name.rpartition("-")[0] for path in root.iterdir() if path.is_dir()}


def total_bytes(root: Path) -> int:
    """The disk space of all caches' pixels."""
    return sum(path.stat().st_size for path in root.glob("*/pixels"))


def test_workers_read_the_cache_and_not_what_replaced_it(tmp_path: Path) -> None:
    """Sent to a process, the cache is the same files; when they were replaced, there is none."""
    cache = opened(tmp_path, "ab")
    cache.put(0, GREY)
    sent = pickle.dumps(cache.part(0, 2))
    assert len(sent) < 2_000, "the pixels are not copied"
    there = pickle.loads(sent)
    assert np.all(there.get(0) == 7)
    there.put(1, np.full((3, 4, 4), 8, np.uint8))
    assert np.all(cache.get(1) == 8)
    opened(tmp_path, "cd", images=2)  # drops a and b
    late = pickle.loads(sent)
    assert late.get(0) is None
    late.put(0, np.zeros((3, 4, 4), np.uint8))
    assert np.all(cache.get(0) == 7)


def test_a_full_cache_makes_room_for_the_present_catalogue(tmp_path: Path) -> None:
    """Within the limit images of several catalogues stay; beyond it the old ones go."""
    assert hits(tmp_path, "ab", 4) == [False, False]
    assert hits(tmp_path, "bcb", 4) == [True, False, True]
    assert hits(tmp_path, "abcd", 4) == [True, True, True, False]
    assert hits(tmp_path, "ae", 4) == [False, False]
    assert hits(tmp_path, "ae", 4) == [True, True]
    assert hits(tmp_path, "fghij", 4).count(True) == 0
    assert hits(tmp_path, "fghij", 4).count(True) == 4


def test_the_limit_holds_over_all_resolutions_and_modes(tmp_path: Path) -> None:
    """Caches of other modes that nobody has open go, least recently used first, if it is short."""
    for mode in ("longest", "squash"):
        hits(tmp_path, "ab", 6, mode)
    assert hits(tmp_path, "ab", 6, "longest") == [True, True]  # the more recently used now
    hits(tmp_path, "abcd", 6)
    assert folders(tmp_path) == {"4-longest", "4-shortest"}
    assert total_bytes(tmp_path) == 6 * SIZE
    assert hits(tmp_path, "abcd", 3).count(True) == 0, "a lower limit is kept too"
    assert total_bytes(tmp_path) == 3 * SIZE


def test_a_cache_that_is_open_stays_and_takes_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another training gets what the running one leaves of the limit, if need be nothing."""
    running = opened(tmp_path, "abc", 4, "longest")
    running.put(0, GREY)
    assert np.count_nonzero(opened(tmp_path, "abcd", 4).slots >= 0) == 1
    assert open_cache(tmp_path, "abcd", RESOLUTION, "squash", 3 * SIZE / 1e9) is None
    assert "caches in use by other processes" in caplog.text
    assert pickle.loads(pickle.dumps(running)).get(0) is not None


def test_pixels_of_other_decoding_code_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version has its folder; those of other versions go when no process has them open."""
    hits(tmp_path, "a")
    (present,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert present.name == f"4-shortest-{code_version('vitrina.images.load:load_pixels')}"
    running = opened(tmp_path, "ab", mode="longest")
    unversioned = tmp_path / "4-crop"
    unversioned.mkdir()
    for name in ("pixels", "filled", "keys", "lock"):
        (unversioned / name).write_bytes(b"old")

    monkeypatch.setattr(pixel_cache, "code_version", lambda _entry: "edited")
    assert hits(tmp_path, "a") == [False]
    assert hits(tmp_path, "a") == [True]
    assert not present.exists()
    assert not unversioned.exists()
    assert folders(tmp_path) == {"4-shortest", "4-longest"}, "the running training's stays"
    del running
    hits(tmp_path, "a")
    assert folders(tmp_path) == {"4-shortest"}


def test_what_else_is_in_the_folder_stays(tmp_path: Path) -> None:
    """Only the files of a cache are removed."""
    notes = tmp_path / "notes" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("kept")
    hits(tmp_path, "a")
    assert notes.read_text() == "kept"


def test_an_interrupted_removal_leaves_no_wrong_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a kill between two files of a cache, no slot is taken for filled."""
    hits(tmp_path, "ab", 2)
    unlink, removed = Path.unlink, []

    def killed(path: Path, missing_ok: bool = False) -> None:
        if removed:
            raise KeyboardInterrupt
        removed.append(path)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        opened(tmp_path, "cd", 2)
    monkeypatch.undo()
    for keys in ("ab", "cd"):
        assert hits(tmp_path, keys, 2) == [False, False]


@pytest.mark.parametrize("trouble", ["no locks", "not writable", "disk full"])
def test_a_folder_that_cannot_be_used_turns_the_cache_off(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    trouble: str,
) -> None:
    """A training goes on without a cache, and one line of the log says why."""

    def refuse(*_args: object) -> None:
        raise OSError(errno.ENOLCK if trouble == "no locks" else errno.ENOSPC, "refused")

    root = tmp_path / "pixels"
    if trouble == "no locks":
        monkeypatch.setattr(fcntl, "flock", refuse)
    elif trouble == "disk full":
        monkeypatch.setattr(pixel_cache.os, "posix_fallocate", refuse)
    else:
        root.write_text("a file where the folder would be")
    with caplog.at_level(logging.INFO):
        assert open_cache(root, ["a"], RESOLUTION, "shortest", 1) is None
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert str(root) in record.getMessage()
    assert "decoded images are not cached" in record.getMessage()


def test_no_room_for_a_single_image_is_no_cache(tmp_path: Path) -> None:
    """A limit below one image's size, or no images, opens nothing."""
    assert open_cache(tmp_path, "a", RESOLUTION, "shortest", 0.9 * SIZE / 1e9) is None
    assert open_cache(tmp_path, "", RESOLUTION, "shortest", 1) is None
    assert not list(tmp_path.iterdir())
