"""The same behaviour in a local folder and on S3."""

import errno
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from upath import UPath

from vitrina.errors import UserError
from vitrina.store.failures import DiskFullError
from vitrina.store.files import (
    atomic_write,
    check_writable,
    copy,
    create_bytes,
    is_temp_file,
    listing,
    local_read,
    read_bytes,
    read_start,
    remove,
    remove_stale_temp_files,
    sizes,
    write_bytes,
)
from vitrina.store.paths import is_local, to_path


def test_bytes_come_back_as_written(place: UPath) -> None:
    """What is written under a name, also a nested one, is read back and listed with its size."""
    write_bytes(place / "a" / "ваза.bin", b"12345")
    assert read_bytes(place / "a" / "ваза.bin") == b"12345"
    assert {name: info.size for name, info in listing(place)} == {"a/ваза.bin": 5}


@pytest.mark.parametrize("content", [b"", b"1", b"1234", b"12345"])
def test_the_start_of_a_file_is_read(place: UPath, content: bytes) -> None:
    """All of a shorter one, also of an empty one."""
    write_bytes(place / "file", content)
    assert read_start(place / "file", 4) == content[:4]
    with pytest.raises(UserError, match="does not exist"):
        read_start(place / "missing", 4)


def test_listing_of_nothing_is_empty(place: UPath) -> None:
    """A folder that does not exist holds no files."""
    assert list(listing(place / "nowhere")) == []


def test_a_long_listing_comes_whole_page_by_page(
    place: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of more files than one answer of S3 holds is listed once, and no folder object is."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")  # of moto's server, in this process
    names = {f"{number // 15}/{number}" for number in range(33)}
    for name in names:
        write_bytes(place / name, b"1")
    if not is_local(place):
        place.fs.pipe_file(f"{place.path}/empty/", b"")
    listed = [name for name, _ in listing(place)]
    assert set(listed) == names
    assert len(listed) == len(names)


def test_a_failed_write_leaves_the_old_file(place: UPath) -> None:
    """An exception while writing changes nothing and leaves no temp file."""
    write_bytes(place / "file", b"old")
    with pytest.raises(RuntimeError), atomic_write(place / "file") as temp_file:  # noqa: PT012 (the write fails half way)
        temp_file.write_bytes(b"ha")
        raise RuntimeError
    assert read_bytes(place / "file") == b"old"
    assert list(dict(listing(place))) == ["file"]


def test_reading_gives_a_local_file(place: UPath) -> None:
    """A file, local or on S3, can be opened as a local one of the same extension."""
    write_bytes(place / "table.csv", b"title")
    with local_read(place / "table.csv") as local:
        assert local.read_bytes() == b"title"
        assert local.suffix == ".csv"


def test_a_missing_file_is_named(place: UPath) -> None:
    """Reading a file that does not exist names it."""
    with pytest.raises(UserError, match=r"absent\.csv does not exist"):
        read_bytes(place / "absent.csv")
    with (
        pytest.raises(UserError, match=r"absent\.csv does not exist"),
        local_read(place / "absent.csv"),
    ):
        pass


def test_copy_and_remove(place: UPath) -> None:
    """A copy has the same bytes; removing a file twice is no error."""
    write_bytes(place / "one", b"x" * 1000)
    copy(place / "one", place / "deep" / "two")
    assert read_bytes(place / "deep" / "two") == b"x" * 1000
    remove([place / "one"])
    remove([place / "one"])
    assert list(dict(listing(place))) == ["deep/two"]


def test_a_link_to_itself_is_no_file(tmp_path: Path) -> None:
    """A symbolic link that cannot be opened is not listed."""
    (tmp_path / "loop").symlink_to("loop")
    write_bytes(to_path(tmp_path / "file"), b"x")
    assert [name for name, _ in listing(to_path(tmp_path))] == ["file"]


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    """While a thread keeps replacing a file, a reader always gets one complete version."""
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


def test_a_killed_writer_leaves_the_old_file_and_a_temp_file(tmp_path: Path) -> None:
    """SIGKILL during a write leaves the old content; the temp file is removed once it is stale."""
    target = tmp_path / "file"
    target.write_bytes(b"old")
    program = (
        "import sys, time\n"
        "from vitrina.store.files import atomic_write\n"
        "from vitrina.store.paths import to_path\n"
        "with atomic_write(to_path(sys.argv[1])) as temp_file:\n"
        "    temp_file.write_bytes(b'half')\n"
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


def test_a_temp_file_without_permission_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's temp file in a shared folder is left alone and is no error."""
    left = tmp_path / ".file.0123abcd.part"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))

    def refuse(path: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    remove_stale_temp_files(to_path(tmp_path))
    assert left.exists()


def test_a_folder_that_cannot_be_created_is_refused(tmp_path: Path) -> None:
    """A file in the folder's path is an error that names the folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file/out cannot be written"):
        check_writable(to_path(tmp_path / "file" / "out"))


def test_a_missing_bucket_is_named(bucket: str) -> None:
    """A bucket that does not exist is an error within seconds, for reading and for writing."""
    started = time.monotonic()
    missing = to_path(bucket + "-missing/folder")
    with pytest.raises(UserError, match="does not exist"):
        list(listing(missing))
    with pytest.raises(UserError, match="cannot be written"):
        check_writable(missing)
    assert time.monotonic() - started < 20


def test_a_file_is_created_only_once(place: UPath) -> None:
    """The second writer is told that the file exists, and its content is kept."""
    assert create_bytes(place / "1.json", b"first")
    assert not create_bytes(place / "1.json", b"second")
    assert read_bytes(place / "1.json") == b"first"
    assert list(dict(listing(place))) == ["1.json"]


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without links, such as exFAT or Google Drive."""

    def refuse(*_arguments: object, **_named: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "symlink", refuse)


@pytest.mark.usefixtures("no_links")
def test_a_file_is_created_only_once_without_hard_links(tmp_path: Path) -> None:
    """Of many writers at once exactly one succeeds, and nothing else is left in the folder."""
    path = to_path(tmp_path / "1.json")
    contents = [f"writer {number}".encode() for number in range(16)]
    with ThreadPoolExecutor(len(contents)) as pool:
        written = list(pool.map(lambda content: create_bytes(path, content), contents))
    assert sum(written) == 1
    assert read_bytes(path) == contents[written.index(True)]
    assert list(dict(listing(to_path(tmp_path)))) == ["1.json"]


@pytest.mark.usefixtures("no_links")
def test_a_writer_killed_while_it_creates_does_not_block_others(tmp_path: Path) -> None:
    """Its claim counts for half a minute."""
    claim = tmp_path / ".1.json.claim"
    claim.touch()
    os.utime(claim, (time.time() - 31, time.time() - 31))
    assert create_bytes(to_path(tmp_path / "1.json"), b"next")
    assert list(dict(listing(to_path(tmp_path)))) == ["1.json"]


def write_with_pyarrow(file: Path) -> None:
    """40 kB of Parquet."""
    pq.write_table(pa.table({"x": np.random.default_rng(0).random(5_000)}), file)


def write_with_torch(file: Path) -> None:
    """40 kB of weights."""
    with file.open("wb") as opened:
        torch.save(torch.rand(10_000), opened)


def write_plain(file: Path) -> None:
    """40 kB of bytes."""
    file.write_bytes(bytes(40_000))


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may be larger than 10 kB, as on a disk that is full but for that."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("write", [write_plain, write_with_pyarrow, write_with_torch])
def test_a_full_disk_is_told(write: Callable[[Path], None], tmp_path: Path) -> None:
    """By the file, the room that it needs and what to do; the old file stays, and nothing else."""
    path = to_path(tmp_path / "file")
    write_bytes(path, b"old")
    with (
        pytest.raises(DiskFullError, match=r"/file cannot be written.* needs 0\.5 MB.*again"),
        atomic_write(path, 500_000) as temp_file,
    ):
        write(temp_file)
    assert read_bytes(path) == b"old"
    assert list(dict(listing(to_path(tmp_path)))) == ["file"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_the_disk_and_its_free_room_are_named(number: int, tmp_path: Path) -> None:
    """A full disk and a quota are told apart from a limit of a file's size."""
    with (
        pytest.raises(DiskFullError, match=f"the disk of {tmp_path} is full.* MB are free"),
        atomic_write(to_path(tmp_path / "file"), 1) as temp_file,
    ):
        raise OSError(number, os.strerror(number), str(temp_file))


def test_of_two_open_files_the_one_without_room_is_named(tmp_path: Path) -> None:
    """A table may be open on one disk while images are written to another, which is full."""
    table, image = to_path(tmp_path / "table"), to_path(tmp_path / "image")
    with (
        pytest.raises(DiskFullError, match="/image cannot be written"),
        atomic_write(table),
        atomic_write(image),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(dict(listing(to_path(tmp_path)))) == []


def test_an_error_that_is_not_of_the_disk_stays_what_it_is(tmp_path: Path) -> None:
    """Also a missing file that the writer wanted to read."""
    with pytest.raises(FileNotFoundError, match="other"), atomic_write(to_path(tmp_path / "file")):
        (tmp_path / "other").read_bytes()


def test_sizes_are_those_of_the_files_that_exist(place: UPath) -> None:
    """Of the files asked for; missing ones, and others in the folder, are left out."""
    write_bytes(place / "a" / "one", b"1")
    write_bytes(place / "two", b"22")
    assert sizes(place, ["a/one", "absent", "two/below"]) == {"a/one": 1}
