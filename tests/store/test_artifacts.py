"""Artifacts are complete or do not exist, and the store knows its layout; local and on S3."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest
from upath import UPath

from vitrina.errors import UserError
from vitrina.store import artifacts
from vitrina.store.artifacts import LAYOUT_FILE, Store, check_layout, check_output, open_store
from vitrina.store.failures import AccessDeniedError
from vitrina.store.files import listing, read_bytes, remove, write_bytes


def test_an_artifact_is_finished_when_published(place: UPath) -> None:
    """Files without a manifest are no artifact, and neither is a manifest with a cut file."""
    artifact = Store(root=str(place)).artifact("clean", "k1")
    write_bytes(artifact.path / "table", b"123")
    assert artifact.manifest() is None
    artifact.publish("clean", "k1", ["table"], parameters={"lr": 1}, result={"rows": 3})
    manifest = artifact.manifest()
    assert manifest is not None
    assert (manifest.key, manifest.result, manifest.files) == ("k1", {"rows": 3}, {"table": 3})
    write_bytes(artifact.path / "table", b"12")
    assert artifact.manifest() is None


def test_a_torn_manifest_is_no_manifest(place: UPath) -> None:
    """An artifact whose manifest is cut off is not complete."""
    artifact = Store(root=str(place)).artifact("clean", "k1")
    write_bytes(artifact.path / "table", b"123")
    artifact.publish("clean", "k1", ["table"], parameters={}, result={})
    whole = read_bytes(artifact.path / "manifest.json")
    write_bytes(artifact.path / "manifest.json", whole[: len(whole) // 2])
    assert artifact.manifest() is None


def test_latest_follows_the_last_published(place: UPath) -> None:
    """``latest`` is the artifact published last, and nothing if a file of that one is lost."""
    store = Store(root=str(place))
    assert store.latest("clean") is None
    for key in ("k1", "k2"):
        artifact = store.artifact("clean", key)
        write_bytes(artifact.path / "table", key.encode())
        artifact.publish("clean", key, ["table"], parameters={}, result={})
        store.point_latest("clean", key)
    latest = store.latest("clean")
    assert latest is not None
    assert latest.path.name == "k2"
    remove([latest.path / "table"])
    assert store.latest("clean") is None


def test_latest_needs_no_symbolic_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are none (exFAT, Google Drive), a small file holds the key, as on S3."""

    def refuse(*_arguments: object, **_named: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    store = Store(root=str(tmp_path))
    for key in ("k1", "k2"):
        artifact = store.artifact("clean", key)
        write_bytes(artifact.path / "table", key.encode())
        artifact.publish("clean", key, ["table"], parameters={}, result={})
        store.point_latest("clean", key)
    latest = store.latest("clean")
    assert latest is not None
    assert latest.path.name == "k2"
    assert {path.name for path in (tmp_path / "clean").iterdir()} == {"k1", "k2", "latest"}
    monkeypatch.undo()
    store.point_latest("clean", "k1")  # the store has moved to a disk with links
    assert (tmp_path / "clean" / "latest").readlink() == Path("k1")


def test_latest_is_written_only_when_it_changes(place: UPath) -> None:
    """A run in which everything is stored writes nothing."""
    store = Store(root=str(place))
    store.point_latest("clean", "k1")
    before = dict(listing(place)) or (Path(place.path) / "clean" / "latest").lstat()
    store.point_latest("clean", "k1")
    assert (dict(listing(place)) or (Path(place.path) / "clean" / "latest").lstat()) == before


def test_a_copy_that_followed_links_is_usable(tmp_path: Path) -> None:
    """A folder ``latest``, as cp -rL and zip leave it, is replaced by a link again."""
    store = Store(root=str(tmp_path))
    artifact = store.artifact("clean", "k1")
    write_bytes(artifact.path / "table", b"rows")
    artifact.publish("clean", "k1", ["table"], parameters={}, result={})
    shutil.copytree(tmp_path / "clean" / "k1", tmp_path / "clean" / "latest")
    store.point_latest("clean", "k1")
    assert (tmp_path / "clean" / "latest").readlink() == Path("k1")
    assert (tmp_path / "clean" / "k1" / "table").read_bytes() == b"rows"


def test_a_store_of_one_folder_is_that_folder(tmp_path: Path) -> None:
    """A script's output folder is the artifact itself, under the manifest's own name."""
    store = Store(root=str(tmp_path), keyed=False, manifest_name="emb.manifest.json")
    artifact = store.artifact("embed", "k1")
    write_bytes(artifact.path / "emb.npz", b"1")
    artifact.publish("embed", "k1", ["emb.npz"], parameters={}, result={})
    assert {file.name for file in tmp_path.iterdir()} == {"emb.npz", "emb.manifest.json"}


def test_a_file_that_was_not_written_is_not_published(place: UPath) -> None:
    """The stage is named with the missing file, and there is no manifest."""
    artifact = Store(root=str(place)).artifact("clean", "k1")
    with pytest.raises(FileNotFoundError, match=r"clean has not written \['table'\]"):
        artifact.publish("clean", "k1", ["table"], parameters={}, result={})
    assert artifact.manifest() is None


# --- layouts ---------------------------------------------------------------------------------


def test_a_new_store_is_marked_with_its_layout(place: UPath) -> None:
    """Opening it again changes nothing; what is in the folder besides a store is left alone."""
    write_bytes(place / "notes.txt", b"mine")
    store = open_store(str(place))
    assert json.loads(read_bytes(store.path / LAYOUT_FILE)) == {"layout": 2}
    files = dict(listing(place))
    assert set(files) == {"notes.txt", LAYOUT_FILE}
    assert open_store(str(place)) == store
    assert dict(listing(place)) == files


@pytest.mark.parametrize("name", ["clean/latest", "demo/latest", "models/history/000001.json"])
def test_a_store_of_layout_1_is_refused_and_left_alone(place: UPath, name: str) -> None:
    """It has no marker; its contents tell it. Nothing is written to it."""
    write_bytes(place / name, b"k1")
    write_bytes(place / "clean" / "k1" / "manifest.json", b"{}")
    before = {file: (info, read_bytes(place / file)) for file, info in listing(place)}
    with pytest.raises(UserError, match=r"layout 1; this version .* layout 2\. Choose another"):
        open_store(str(place))
    with pytest.raises(UserError, match="layout 1"):
        check_layout(place)
    after = {file: (info, read_bytes(place / file)) for file, info in listing(place)}
    assert after == before


def test_a_linked_latest_tells_a_store_of_layout_1(tmp_path: Path) -> None:
    """Locally ``latest`` is a symbolic link to the folder of an artifact."""
    (tmp_path / "clean" / "k1").mkdir(parents=True)
    (tmp_path / "clean" / "latest").symlink_to("k1")
    with pytest.raises(UserError, match="layout 1"):
        open_store(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["clean"]


def test_a_store_of_a_later_layout_is_refused_and_left_alone(place: UPath) -> None:
    """The marker of a later version is kept."""
    marker = b'{"layout": 3}'
    write_bytes(place / LAYOUT_FILE, marker)
    with pytest.raises(UserError, match=r"layout 3; this version .* layout 2"):
        open_store(str(place))
    assert read_bytes(place / LAYOUT_FILE) == marker
    assert list(dict(listing(place))) == [LAYOUT_FILE]


def test_a_folder_with_results_need_not_be_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A run in which everything is stored writes nothing; without results it would have to."""

    def refuse(folder: UPath) -> None:
        raise AccessDeniedError(f"{folder} cannot be written: Read-only file system.")

    folder = UPath(tmp_path)
    check_output(folder, "manifest.json")
    monkeypatch.setattr(artifacts, "check_writable", refuse)
    with pytest.raises(UserError, match="cannot be written: Read-only"):
        check_output(folder, "manifest.json", ".index")
    (tmp_path / ".index").mkdir()
    check_output(folder, "manifest.json", ".index")
    assert "Only what is stored there already can be used" in caplog.text
