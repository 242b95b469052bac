"""The user's cache: what is old goes, downloaded models only when they are asked for."""

import fcntl
import os
import time
from pathlib import Path

import pytest

from vitrina.store.code_version import code_version
from vitrina.store.prune_cache import DECODER, cached_folders, remove_cached


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """One folder of each kind, written three days ago, and a new copy from S3."""
    old = time.time() - 3 * 86_400
    version = code_version(DECODER)
    for name in (
        "s3/old/weights",
        "pixels/48-shortest-older/pixels",
        f"pixels/48-shortest-{version}/pixels",
        "runs/old/wandb/run.wandb",
        "models/ruclip/config.json",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"1")
        os.utime(path, (old, old))
    (tmp_path / "s3" / "new").mkdir()
    (tmp_path / "s3" / "new" / "weights").write_bytes(b"1")
    (tmp_path / "pixels" / "lock").touch()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_bytes(b"1")
    return tmp_path


def left(cache: Path) -> set[str]:
    """The folders that are left."""
    return {
        path.parent.relative_to(cache).as_posix() for path in cache.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("models", [False, True])
def test_old_folders_go(cache: Path, models: bool) -> None:
    """Copies and runs of more than a day ago, decoded images of older code, models if asked."""
    remove_cached(cached_folders(cache, 1, models=models))
    current = f"pixels/48-shortest-{code_version(DECODER)}"
    kept = {"s3/new", current, "pixels", "mine"}
    assert left(cache) == (kept if models else kept | {"models/ruclip"})


def test_decoded_images_in_use_stay(cache: Path) -> None:
    """A training holds a lock on the cache that it has open."""
    with (cache / "pixels" / "48-shortest-older" / "pixels").open("rb") as opened:
        fcntl.flock(opened, fcntl.LOCK_SH)
        found = {one.label: one.needed for one in cached_folders(cache, 1, models=False)}
    assert found["cache: pixels/48-shortest-older"] == "in use"


def test_a_cache_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    """Nothing was ever cached."""
    assert cached_folders(tmp_path / "absent", 1, models=True) == []
