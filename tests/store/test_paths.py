"""Paths as users write them."""

from pathlib import Path

import pytest
from upath import UPath

from vitrina.errors import UserError
from vitrina.store.artifacts import Store
from vitrina.store.files import write_bytes
from vitrina.store.paths import check_folder, exists, is_file, is_local, to_path


def test_another_scheme_is_refused() -> None:
    """A path that is neither local nor on S3 is refused by its scheme."""
    with pytest.raises(UserError, match="ftp://"):
        to_path("ftp://host/file")
    with pytest.raises(UserError, match="'::' cannot be part"):
        to_path("s3://bucket/st::re")


def test_no_credential_in_a_repr(bucket: str) -> None:
    """A printed path or store contains no secret key."""
    assert "vitrina-secret" not in repr(to_path(bucket)) + repr(Store(root=bucket))


def test_local_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative to the working directory, or to the home of ``~``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/anna")
    assert to_path("shop").path == str(tmp_path / "shop")
    assert to_path("~/shop").path == "/home/anna/shop"


def test_a_path_knows_where_it_is(place: UPath, tmp_path: Path) -> None:
    """Local paths are on this machine; others, also without a final slash, are on S3."""
    assert is_local(place) == str(place).startswith(str(tmp_path))
    assert to_path("s3://shop/images/").path == "shop/images"
    assert not is_local(to_path("s3://shop/images"))


def test_files_and_folders_that_exist(place: UPath) -> None:
    """A folder exists but is no file; what lies below a file does not exist."""
    write_bytes(place / "folder" / "file", b"1")
    assert is_file(place / "folder" / "file")
    assert exists(place / "folder")
    assert not is_file(place / "folder")
    assert not exists(place / "absent")
    assert not is_file(place / "folder" / "file" / "below")


def test_a_folder_to_read_must_exist(place: UPath) -> None:
    """A folder that does not exist is refused by its path."""
    write_bytes(place / "images" / "1.jpg", b"1")
    check_folder(place / "images")
    with pytest.raises(UserError, match="absent does not exist"):
        check_folder(place / "absent")
