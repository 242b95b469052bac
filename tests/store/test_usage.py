"""What a folder holds, locally and on S3."""

import time
from pathlib import Path

import pytest
from upath import UPath

from vitrina.store.files import listing, write_bytes
from vitrina.store.usage import Usage, remove_files, stored_files, subfolders


def test_files_sizes_and_age(place: UPath) -> None:
    """Of all subfolders; the age is that of the newest file."""
    assert Usage.of(place) == Usage()
    write_bytes(place / "a" / "b" / "ваза.jpg", b"123")
    write_bytes(place / "c", b"4567")
    usage = Usage.of(place)
    assert (usage.files, usage.size) == (2, 7)
    assert abs(time.time() - usage.written) < 60
    assert {file.name for file in stored_files(place)} == {"a/b/ваза.jpg", "c"}


def test_subfolders_are_the_direct_ones(place: UPath) -> None:
    """Files and deeper folders are left out."""
    for name in ("b/1", "a/c/2", "file"):
        write_bytes(place / name, b"1")
    assert subfolders(place) == ["a", "b"]
    assert subfolders(place / "absent") == []


def test_files_are_removed_by_their_very_names(
    place: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also names that look like patterns; more than one request's worth; nothing else."""
    monkeypatch.setattr("vitrina.store.usage.DELETED_AT_ONCE", 2)
    names = ["m*13.jpg", "b?2.jpg", "k[11].jpg", "sub/чашка й.jpg", "d+4.jpg"]
    for name in [*names, "m_13.jpg", "k1.jpg", "sub2/x"]:
        write_bytes(place / name, b"1")
    remove_files(place, names)
    assert {name for name, _ in listing(place)} == {"m_13.jpg", "k1.jpg", "sub2/x"}
    assert subfolders(place) == ["sub2"]


def test_an_empty_folder_goes_with_its_last_file(tmp_path: Path) -> None:
    """And a file that is gone already is no error."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_bytes(b"1")
    remove_files(UPath(tmp_path / "a"), ["b/c", "b/gone"])
    assert list(tmp_path.iterdir()) == []
