"""The cache folder, and copies of S3 folders in it."""

import logging
from pathlib import Path

import pytest
from upath import UPath

from vitrina.errors import UserError
from vitrina.store.cache import check_cache, local_copy, user_cache
from vitrina.store.files import remove, write_bytes
from vitrina.store.paths import to_path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("VITRINA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_cache_is_where_the_environment_says(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``$VITRINA_CACHE``, else below the home folder."""
    assert user_cache() == cache
    monkeypatch.delenv("VITRINA_CACHE")
    monkeypatch.setenv("HOME", "/home/anna")
    assert user_cache() == Path("/home/anna/.cache/vitrina")


def test_a_local_folder_is_its_own_copy(tmp_path: Path, cache: Path) -> None:
    """Nothing is copied."""
    assert local_copy(to_path(tmp_path), ["config.json"]) == tmp_path
    assert not cache.exists()


def test_a_folder_on_s3_is_copied_once(bucket: str, cache: Path) -> None:
    """Only the named files; a lost one is copied again, changed ones go to another folder."""
    model = to_path(f"{bucket}/model")
    for name in ("config.json", "weights", "notes"):
        write_bytes(model / name, name.encode())
    copied = local_copy(model, ["config.json", "weights"])
    assert copied.is_relative_to(cache)
    assert {path.name for path in copied.iterdir()} == {"config.json", "weights"}
    untouched = (copied / "config.json").stat().st_mtime_ns
    remove([UPath(copied / "weights")])
    assert local_copy(model, ["config.json", "weights"]) == copied
    assert (copied / "weights").read_bytes() == b"weights"
    assert (copied / "config.json").stat().st_mtime_ns == untouched
    write_bytes(model / "weights", b"other weights")
    changed = local_copy(model, ["config.json", "weights"])
    assert changed != copied
    assert (changed / "weights").read_bytes() == b"other weights"


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that nobody can make."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VITRINA_CACHE", str(tmp_path / "file" / "cache"))
    return tmp_path / "file" / "cache"


def test_without_a_cache_files_are_copied_by_each_run(
    bucket: str, no_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Into a temporary folder, which is said once."""
    caplog.set_level(logging.WARNING)
    model = to_path(f"{bucket}/model")
    write_bytes(model / "weights", b"weights")
    copied = local_copy(model, ["weights"])
    assert (copied / "weights").read_bytes() == b"weights"
    assert local_copy(model, ["weights"]) == copied
    (said,) = [record.message for record in caplog.records if str(no_cache) in record.message]
    assert said.endswith("Files from S3 are copied again by each run.")


def test_what_needs_the_cache_is_refused_without_it(no_cache: Path) -> None:
    """The reason, what it is needed for, and the variable that names another folder."""
    with pytest.raises(UserError, match=r"(?s)cannot be written.*needed for X.*VITRINA_CACHE"):
        check_cache("X")
    assert not no_cache.parent.is_dir()


def test_a_user_without_a_home_folder_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with an unknown user: a path all the same, and no error."""

    def no_home(_path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("VITRINA_CACHE")
    monkeypatch.setattr(Path, "expanduser", no_home)
    assert user_cache().is_absolute()
