"""One store: the same behaviour on a local folder and on S3."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from vitrina.config import TrainConfig
from vitrina.errors import UserError
from vitrina.store.artifacts import Store
from vitrina.store.files import (
    atomic_write,
    check_writable,
    copy,
    is_temp_file,
    listing,
    local_read,
    read_bytes,
    remove,
    remove_stale_temp_files,
    write_bytes,
)
from vitrina.store.fingerprint import file_fingerprint, fingerprint
from vitrina.store.paths import is_local, to_path


def test_bytes_come_back_as_written(place: UPath) -> None:
    """What is written under a name, also a nested one, is read back and listed with its size."""
    write_bytes(place / "a" / "ваза.bin", b"12345")
    assert read_bytes(place / "a" / "ваза.bin") == b"12345"
    assert {name: info.size for name, info in listing(place)} == {"a/ваза.bin": 5}


def test_listing_of_nothing_is_empty(place: UPath) -> None:
    """A folder that does not exist holds no files."""
    assert list(listing(place / "nowhere")) == []


def test_a_long_listing_comes_whole_page_by_page(place: UPath) -> None:
    """More files than S3 tells at once, and what it shows as folders, are listed once each."""
    names = {f"{number // 500}/{number}" for number in range(1_003)}
    for name in names:
        write_bytes(place / name, b"1")
    if not is_local(place):
        place.fs.pipe_file(f"{place.path}/empty/", b"")
    found = [name for name, _ in listing(place)]
    assert set(found) == names
    assert len(found) == len(names)


def test_a_failed_write_leaves_the_old_file(place: UPath) -> None:
    """An exception while writing changes nothing, and leaves nothing beside."""
    write_bytes(place / "file", b"old")
    with pytest.raises(RuntimeError), atomic_write(place / "file") as aside:  # noqa: PT012 (the write fails half way)
        aside.write_bytes(b"ha")
        raise RuntimeError
    assert read_bytes(place / "file") == b"old"
    assert list(dict(listing(place))) == ["file"]


def test_reading_gives_a_local_file(place: UPath) -> None:
    """A file anywhere can be opened as a local one."""
    write_bytes(place / "table.csv", b"title")
    with local_read(place / "table.csv") as local:
        assert local.read_bytes() == b"title"
        assert local.suffix == ".csv"


def test_a_missing_file_is_named(place: UPath) -> None:
    """Reading what is not there says which file."""
    with pytest.raises(UserError, match=r"absent\.csv does not exist"):
        read_bytes(place / "absent.csv")
    with (
        pytest.raises(UserError, match=r"absent\.csv does not exist"),
        local_read(place / "absent.csv"),
    ):
        pass


def test_copy_and_remove(place: UPath) -> None:
    """A copy has the same bytes; removing twice is fine."""
    write_bytes(place / "one", b"x" * 1000)
    copy(place / "one", place / "deep" / "two")
    assert read_bytes(place / "deep" / "two") == b"x" * 1000
    remove([place / "one"])
    remove([place / "one"])
    assert list(dict(listing(place))) == ["deep/two"]


def test_content_decides_the_fingerprint(place: UPath) -> None:
    """Equal bytes have equal fingerprints; one byte more has another."""
    write_bytes(place / "a", b"same")
    write_bytes(place / "b", b"same")
    write_bytes(place / "c", b"same!")
    assert file_fingerprint(place / "a") == file_fingerprint(place / "b")
    assert file_fingerprint(place / "a") != file_fingerprint(place / "c")


def test_an_artifact_is_finished_when_published(place: UPath) -> None:
    """Files alone are no artifact; the manifest makes them one; a lost file unmakes it."""
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
    """A manifest that is cut off in the middle does not make an artifact finished."""
    artifact = Store(root=str(place)).artifact("clean", "k1")
    write_bytes(artifact.path / "table", b"123")
    artifact.publish("clean", "k1", ["table"], parameters={}, result={})
    whole = read_bytes(artifact.path / "manifest.json")
    write_bytes(artifact.path / "manifest.json", whole[: len(whole) // 2])
    assert artifact.manifest() is None


def test_latest_follows_the_last_published(place: UPath) -> None:
    """``latest`` names the newest artifact, and nothing when that one is gone."""
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


def test_a_copy_that_followed_links_is_usable(tmp_path: Path) -> None:
    """cp -rL and zip make a folder of ``latest``; the next artifact makes a link of it again."""
    store = Store(root=str(tmp_path))
    artifact = store.artifact("clean", "k1")
    write_bytes(artifact.path / "table", b"rows")
    artifact.publish("clean", "k1", ["table"], parameters={}, result={})
    shutil.copytree(tmp_path / "clean" / "k1", tmp_path / "clean" / "latest")
    store.point_latest("clean", "k1")
    assert (tmp_path / "clean" / "latest").readlink() == Path("k1")
    assert (tmp_path / "clean" / "k1" / "table").read_bytes() == b"rows"


def test_a_link_to_itself_is_no_file(tmp_path: Path) -> None:
    """What cannot be opened by anyone is not listed."""
    (tmp_path / "loop").symlink_to("loop")
    write_bytes(to_path(tmp_path / "file"), b"x")
    assert [name for name, _ in listing(to_path(tmp_path))] == ["file"]


def test_a_store_of_one_folder_is_that_folder(tmp_path: Path) -> None:
    """A script's output folder is the artifact itself, told apart by the manifest's name."""
    store = Store(root=str(tmp_path), keyed=False, manifest_name="emb.manifest.json")
    artifact = store.artifact("embed", "k1")
    write_bytes(artifact.path / "emb.npz", b"1")
    artifact.publish("embed", "k1", ["emb.npz"], parameters={}, result={})
    assert {file.name for file in tmp_path.iterdir()} == {"emb.npz", "emb.manifest.json"}


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    """While one thread replaces a file again and again, readers always see one whole version."""
    target = to_path(tmp_path / "file")
    versions = [bytes([65 + n]) * 200_000 for n in range(4)]
    write_bytes(target, versions[0])
    stop = threading.Event()

    def replace() -> None:
        while not stop.is_set():
            for version in versions:
                write_bytes(target, version)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        seen = {read_bytes(target) for _ in range(200)}
    finally:
        stop.set()
        writer.join()
    assert seen <= set(versions)


def test_a_killed_writer_leaves_nothing_that_counts(tmp_path: Path) -> None:
    """SIGKILL in the middle of a write leaves the old content under the name."""
    target = tmp_path / "file"
    target.write_bytes(b"old")
    program = (
        "import sys, time\n"
        "from vitrina.store.files import location, writing\n"
        "with writing(location(sys.argv[1])) as aside:\n"
        "    aside.write_bytes(b'half')\n"
        "    print('writing', flush=True)\n"
        "    time.sleep(60)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(target)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "writing\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert target.read_bytes() == b"old"
    (left,) = set(tmp_path.iterdir()) - {target}
    remove_stale_temp_files(to_path(tmp_path))
    assert left.exists(), "somebody may still be writing"
    assert is_temp_file(f"folder/{left.name}")
    assert not is_temp_file(f"folder/{target.name}")
    os.utime(left, (0, 0))
    os.utime(target, (0, 0))
    remove_stale_temp_files(to_path(tmp_path))
    assert list(tmp_path.iterdir()) == [target]
    remove_stale_temp_files(to_path(tmp_path / "absent"))


def test_what_is_not_ours_to_remove_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's half-written file, in a folder that several share, ends no run."""
    left = tmp_path / ".file.0123abcd.part"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))

    def refuse(path: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    remove_stale_temp_files(to_path(tmp_path))
    assert left.exists()


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    """A folder that cannot be made is refused by name before any work."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file/out cannot be written"):
        check_writable(to_path(tmp_path / "file" / "out"))


def test_a_missing_bucket_is_named(bucket: str) -> None:
    """A bucket that does not exist is said to be missing, quickly, for reading and writing."""
    started = time.monotonic()
    missing = to_path(bucket + "-missing/folder")
    with pytest.raises(UserError, match="does not exist"):
        list(listing(missing))
    with pytest.raises(UserError, match="cannot be written"):
        check_writable(missing)
    assert time.monotonic() - started < 20


def test_another_scheme_is_refused() -> None:
    """A place that is neither local nor S3 is refused by its scheme."""
    with pytest.raises(UserError, match="ftp://"):
        to_path("ftp://host/file")
    with pytest.raises(UserError, match="'::' cannot be part"):
        to_path("s3://bucket/st::re")


def test_no_credential_in_a_repr(bucket: str) -> None:
    """What is printed of a place holds no key."""
    assert "vitrina-secret" not in repr(to_path(bucket)) + repr(Store(root=bucket))


@given(
    st.dictionaries(st.text(), st.integers() | st.text() | st.none() | st.floats(allow_nan=False))
)
def test_fingerprint_ignores_the_order_of_names(values: dict[str, object]) -> None:
    """A mapping's fingerprint does not depend on the order its names were given in."""
    assert fingerprint(values) == fingerprint(dict(reversed(values.items())))


def test_fingerprint_tells_parameters_apart() -> None:
    """Another learning rate is another fingerprint; a thing without a plain form has none."""
    assert fingerprint(TrainConfig(lr=1e-5)) != fingerprint(TrainConfig(lr=1e-6))
    with pytest.raises(TypeError):
        fingerprint(object())
