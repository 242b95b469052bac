"""What is told of a file without reading it, and the requests that it takes on S3."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from upath import UPath

from tests.support.flaky_s3 import FlakyS3, flaky_endpoint
from vitrina.errors import UserError
from vitrina.store.file_info import S3Folder, info_of, regular_file
from vitrina.store.files import listing, local_read, read_bytes, write_bytes
from vitrina.store.fingerprint import file_fingerprint
from vitrina.store.paths import to_path


def test_a_changed_file_has_another_stamp(tmp_path: Path) -> None:
    """Also one of the same size that was given the old time of modification."""
    path = tmp_path / "file"
    path.write_bytes(b"one")
    before, times = info_of(path), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    time.sleep(0.02)
    path.write_bytes(b"two")
    os.utime(path, ns=times)
    assert info_of(path) != before


@pytest.mark.parametrize("how", ["renamed", "links"])
def test_exchanged_files_have_other_stamps(tmp_path: Path, how: str) -> None:
    """Two files of one size and time of modification change their names, or links to them do."""
    one, two, third = tmp_path / "one", tmp_path / "two", tmp_path / "third"
    for path in (one, two):
        target = tmp_path / f"{path.name}-file" if how == "links" else path
        target.write_bytes(b"123")
        os.utime(target, (1, 1))
        if how == "links":
            path.symlink_to(target)
    before = info_of(one), info_of(two)
    time.sleep(0.02)
    one.rename(third)
    two.rename(one)
    third.rename(two)
    assert info_of(one) != before[0]
    assert info_of(two) != before[1]


def test_what_is_no_file_has_no_info(tmp_path: Path) -> None:
    """Folders, pipes, devices, broken links and names that cannot be."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_bytes(b"1")
    names = ("pipe", "loop", "", "absent", "file/below", "x" * 300, "a\0b")
    for path in (*(tmp_path / name for name in names), Path("/dev/zero")):
        assert info_of(path) is None


@pytest.mark.parametrize("read", [read_bytes, file_fingerprint, regular_file])
def test_what_has_no_end_is_refused_at_once(tmp_path: Path, read: object) -> None:
    """A pipe without a writer, a device, a folder."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UserError, match="is a device, a pipe or a socket"):
            read(to_path(path))  # type: ignore[operator]  # one of the functions above
        with pytest.raises(UserError, match="is a device"), local_read(to_path(path)):
            pass
    with pytest.raises(UserError, match="is a folder"):
        read(to_path(tmp_path))  # type: ignore[operator]  # one of the functions above


def no_fault(_method: str, _name: str) -> None:
    """An S3 server without faults, whose requests are counted."""


def put(bucket: str, names: list[str]) -> UPath:
    """A folder on S3 with these files, and some below."""
    folder = to_path(bucket) / "folder"
    for name in (*names, "below/1"):
        write_bytes(folder / name, name.encode())
    return folder


def requests(app: FlakyS3) -> list[str]:
    """The requests that a server was asked, by method."""
    return [asked.split()[0] for asked, count in app.asked.items() for _ in range(count)]


@pytest.mark.parametrize(
    ("asked_for", "methods"),
    [
        (30, {"GET": 4}),  # four pages of ten
        (2, {"GET": 2, "HEAD": 1}),  # two pages, which hold one of them
        (1, {"GET": 1, "HEAD": 1}),
    ],
)
def test_of_listing_and_asking_the_cheaper_is_done(
    bucket: str, monkeypatch: pytest.MonkeyPatch, asked_for: int, methods: dict[str, int]
) -> None:
    """Never more than twice as many requests as files; none for what is known."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    names = [f"{number:03d}" for number in range(35)]
    put(bucket, names)
    with flaky_endpoint(no_fault) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        to_path(bucket).fs.clear_instance_cache()
        folder = S3Folder(to_path(bucket) / "folder")
        wanted = {1: ["034"], 2: ["001", "034"], 30: [*names[:28], "034", "absent"]}[asked_for]
        found = folder.find(wanted)
        assert {name: info.size for name, info in found.items()} == {
            name: 3 for name in wanted if name != "absent"
        }
        made = requests(endpoint.app)
        assert {method: made.count(method) for method in set(made)} == methods
        assert folder.find(wanted) == found
        assert len(requests(endpoint.app)) == len(made)


def test_an_image_is_read_from_s3_in_one_request(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GET, and no HEAD before it; what is missing takes one too."""
    put(bucket, ["1.jpg"])
    with flaky_endpoint(no_fault) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        to_path(bucket).fs.clear_instance_cache()
        folder = to_path(bucket) / "folder"
        assert read_bytes(folder / "1.jpg") == b"1.jpg"
        with pytest.raises(UserError, match="does not exist"):
            read_bytes(folder / "2.jpg")
        assert requests(endpoint.app) == ["GET", "GET"]


def test_a_folder_without_those_below(place: UPath) -> None:
    """Only its own files, on S3 too."""
    for name in ("1", "below/2", "below/deep/3"):
        write_bytes(place / name, b"x")
    assert [name for name, _ in listing(place, deep=False)] == ["1"]
    assert {name for name, _ in listing(place)} == {"1", "below/2", "below/deep/3"}


def test_a_link_that_leads_back_is_not_followed(tmp_path: Path) -> None:
    """Other links are; pipes are no files."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "1").write_bytes(b"x")
    (tmp_path / "a" / "b" / "back").symlink_to(tmp_path)
    (tmp_path / "other").symlink_to("a")
    os.mkfifo(tmp_path / "pipe")
    assert {name for name, _ in listing(to_path(tmp_path))} == {"a/1", "other/1"}


LIST = """
import logging, os, sys
from vitrina.store.files import listing
from vitrina.store.paths import to_path
logging.basicConfig(format="%(message)s")
list(listing(to_path("/nowhere")))  # loads what only root may read
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
print(sorted(name for name, _ in listing(to_path(sys.argv[1]))))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_folders_that_may_not_be_read_are_skipped_and_told_once(tmp_path: Path) -> None:
    """Such as lost+found of a disk's root, listed by another user than root."""
    for name in ("lost+found", "private"):
        (tmp_path / name).mkdir(mode=0o700)
        (tmp_path / name / "secret").write_bytes(b"x")
    (tmp_path / "link").symlink_to("private/secret")
    (tmp_path / "open").write_bytes(b"x")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to("/tmp/pytest-of-root"):
            folder.chmod(0o755)
    command = [sys.executable, "-c", LIST, str(tmp_path)]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert listed.stdout == "['open']\n"
    assert listed.stderr.count("skipped 3 that may not be read") == 1
