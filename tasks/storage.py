"""Where artifacts live: a local folder or S3. The only file that knows which.

Files are written aside and put in place whole. An artifact is a folder; it is finished when its
manifest, written last, stands in it and every file the manifest lists is there in its full size.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError
from upath import UPath

from tasks.config import Parameters
from tasks.errors import UserError

ASIDE = re.compile(r"\..+\.[0-9a-f]{8}\.part")  # what a local file is called while it is written
ABANDONED_SECONDS = 3_600  # without a write, after which nobody is still at it

S3_OPTIONS: dict[str, Any] = {
    "use_listings_cache": False,  # another run may have written since we looked
    "config_kwargs": {
        "retries": {"max_attempts": 8, "mode": "adaptive"},
        "connect_timeout": 10,
        "read_timeout": 60,
        "max_pool_connections": 64,
    },
}


def location(path: str | os.PathLike[str]) -> UPath:
    """The place that a user's text names: an absolute local path or an s3:// address."""
    if isinstance(path, UPath):
        return path
    text = os.fspath(path)
    if text.startswith("s3://"):
        if "::" in text:
            raise UserError(f"{text!r}: '::' cannot be part of an s3:// path here. Rename it.")
        place: UPath = UPath(text.rstrip("/"), **S3_OPTIONS)
        return place
    if "://" in text:
        scheme = text.split("://", 1)[0]
        raise UserError(f"{text!r}: no such kind of place, {scheme}://. Give a local path or s3://")
    return UPath(Path(text).expanduser().absolute())


def is_local(path: UPath) -> bool:
    """Whether a path is on this machine's file system."""
    return path.protocol in ("", "file", "local")


@contextmanager
def explained(path: UPath) -> Iterator[None]:
    """Turn what a store answers to a wrong name or missing right into a UserError that says so."""
    from botocore.exceptions import NoCredentialsError, ProfileNotFound

    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist.") from error
    except IsADirectoryError as error:
        raise UserError(f"{path} is a folder, where a file was expected.") from error
    except (PermissionError, NoCredentialsError, ProfileNotFound) as error:
        raise UserError(
            f"{path}: access denied ({error}). Check the folder's rights or, for s3://, "
            "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE and AWS_ENDPOINT_URL."
        ) from error


# --- files -----------------------------------------------------------------------------------


class FileInfo(NamedTuple):
    """Size in bytes, and a stamp that changes when the content does (mtime locally, ETag on S3)."""

    size: int
    stamp: str


def listing(folder: UPath) -> Iterator[tuple[str, FileInfo]]:
    """Every file below a folder by its relative path, in one sweep; nothing if there is none.

    Files come as they are found, so memory does not grow with their number. On a disk, one that is
    added meanwhile may or may not come. UserError, at the first file, if access is denied or the
    bucket is missing.
    """
    return _local_listing(Path(folder.path)) if is_local(folder) else _s3_listing(folder)


def _local_listing(folder: Path, prefix: str = "") -> Iterator[tuple[str, FileInfo]]:
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    except PermissionError:
        with explained(UPath(folder)):
            raise
    with entries:
        for entry in entries:
            try:
                is_folder, stat = entry.is_dir(), entry.stat()
            except OSError as error:
                # Replaced or removed while we list, or a link to itself.
                if error.errno in (errno.ENOENT, errno.ELOOP):
                    continue
                raise
            if is_folder:
                yield from _local_listing(Path(entry.path), f"{prefix}{entry.name}/")
                continue
            stamp = f"{stat.st_size}-{stat.st_mtime_ns}"
            yield prefix + entry.name, FileInfo(stat.st_size, stamp)


def _s3_listing(folder: UPath) -> Iterator[tuple[str, FileInfo]]:
    """A thousand files a request; s3fs' own find holds them all."""
    bucket, _, key = folder.path.rstrip("/").partition("/")
    prefix = f"{key}/" if key else ""
    request = {"Bucket": bucket, "Prefix": prefix}
    while True:
        with explained(folder):
            page = folder.fs.call_s3("list_objects_v2", **request)
        for found in page.get("Contents", ()):
            name = found["Key"].removeprefix(prefix)
            if name and not name.endswith("/"):  # what consoles make to show a folder
                yield name, FileInfo(found["Size"], found["ETag"].strip('"'))
        if not page.get("IsTruncated"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]


def sizes(folder: UPath, names: Iterable[str]) -> dict[str, int]:
    """The sizes in bytes of those of the named files that are there, whatever else is."""
    wanted = list(names)
    if not is_local(folder):
        found = {name: info.size for name, info in listing(folder)}
        return {name: found[name] for name in wanted if name in found}
    present = {}
    for name in wanted:
        with suppress(FileNotFoundError, NotADirectoryError):
            present[name] = (Path(folder.path) / name).stat().st_size
    return present


@contextmanager
def reading(path: UPath) -> Iterator[Path]:
    """A local file with the content of ``path``: itself, or a copy that is gone afterwards."""
    if is_local(path):
        if not Path(path.path).is_file():
            raise UserError(f"{path} does not exist or is not a file.")
        yield Path(path.path)
        return
    with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch, explained(path):
        local = Path(scratch) / path.name
        path.fs.get_file(path.path, str(local))
        yield local


@contextmanager
def writing(path: UPath) -> Iterator[Path]:
    """A local file to write; it becomes ``path`` whole when the block ends well, or not at all."""
    if is_local(path):
        target = Path(path.path)
        with explained(path):
            target.parent.mkdir(parents=True, exist_ok=True)
        aside = _aside(target)
        try:
            yield aside
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
        return
    with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch:
        local = Path(scratch) / path.name
        yield local
        with explained(path):
            path.fs.put_file(str(local), path.path)


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")


def is_aside(name: str) -> bool:
    """Whether a file, by its name or path, is one that was not, or not yet, put in place."""
    return bool(ASIDE.fullmatch(name.rsplit("/", 1)[-1]))


def remove_abandoned(folder: UPath) -> None:
    """Remove what killed writers left aside in a folder on a disk, not in its subfolders.

    A file counts as left when nothing was written to it for an hour. What may not be looked at or
    removed, such as another user's in a shared folder, stays.
    """
    if not is_local(folder):
        return  # there a file that was not sent whole is none
    latest = time.time() - ABANDONED_SECONDS
    try:
        with os.scandir(folder.path) as entries:
            left = [entry for entry in entries if is_aside(entry.name)]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    for entry in left:
        with suppress(FileNotFoundError, PermissionError):  # finished meanwhile, or not ours
            if entry.stat().st_mtime < latest:
                Path(entry.path).unlink()


def read_bytes(path: UPath) -> bytes:
    """The content of a file; UserError if it is missing or denied."""
    with explained(path):
        content: bytes = path.fs.cat_file(path.path)
        return content


def write_bytes(path: UPath, content: bytes) -> None:
    """Put a small file in place whole, replacing one that is there."""
    if is_local(path):
        with writing(path) as aside:
            aside.write_bytes(content)
    else:
        with explained(path):
            path.fs.pipe_file(path.path, content)


def create_bytes(path: UPath, content: bytes) -> bool:
    """Put a new small file in place whole; False, and nothing is changed, if one is there.

    Of several writers at once exactly one succeeds.
    """
    if not is_local(path):
        try:
            with explained(path):
                path.fs.pipe_file(path.path, content, mode="create")
        except FileExistsError:
            return read_bytes(path) == content  # our own, whose answer was lost and tried again
        return True
    target = Path(path.path)
    with explained(path):
        target.parent.mkdir(parents=True, exist_ok=True)
    aside = _aside(target)
    try:
        aside.write_bytes(content)
        os.link(aside, target)  # unlike a rename, it refuses a name that is taken
    except FileExistsError:
        return False
    finally:
        aside.unlink(missing_ok=True)
    return True


def copy(source: UPath, target: UPath) -> None:
    """Copy one file between any two places."""
    with reading(source) as local, writing(target) as aside:
        shutil.copyfile(local, aside)


def remove(paths: Iterable[UPath]) -> None:
    """Remove files; one that is gone already is fine."""
    for path in paths:
        with suppress(FileNotFoundError):
            path.fs.rm_file(path.path)


def user_cache() -> Path:
    """The folder for what can be made again: ``$VITRINA_CACHE``, else in the user's cache."""
    return Path(os.environ.get("VITRINA_CACHE") or "~/.cache/vitrina").expanduser().absolute()


def local_copy(folder: UPath, names: Iterable[str]) -> Path:
    """The folder itself if it is local, else a copy of the named files, kept in the cache.

    Its name is their fingerprint and each file arrives whole, so copies never go stale, a killed
    one goes on and several at once do no harm.
    """
    if is_local(folder):
        return Path(folder.path)
    names = list(names)
    key = fingerprint({name: file_fingerprint(folder / name) for name in names})
    target = user_cache() / "s3" / key
    for name in names:
        if not (target / name).is_file():
            copy(folder / name, UPath(target / name))
    return target


def exists(path: UPath) -> bool:
    """Whether a file or folder is there; one request on S3. UserError if access is denied."""
    with explained(path):
        return bool(path.fs.exists(path.path))


def is_file(path: UPath) -> bool:
    """Whether a file is there; one request on S3. UserError if access is denied."""
    with explained(path):
        try:
            return bool(path.fs.info(path.path)["type"] == "file")
        except (FileNotFoundError, NotADirectoryError):
            return False


def check_folder(folder: UPath) -> None:
    """Refuse a folder to read from that is not there."""
    if is_local(folder) and not Path(folder.path).is_dir():
        raise UserError(f"{folder} does not exist or is not a folder.")
    if not exists(folder):
        raise UserError(f"{folder} does not exist or holds no files.")


def check_writable(folder: UPath) -> None:
    """Refuse a folder that cannot be written, before any work is done for it."""
    probe = folder / f".vitrina-{uuid.uuid4().hex[:8]}"
    try:
        write_bytes(probe, b"")
    except (OSError, UserError) as error:
        raise UserError(f"{folder} cannot be written: {error}") from error
    remove([probe])


# --- fingerprints ----------------------------------------------------------------------------


def fingerprint(*parts: object) -> str:
    """A short hash of plain values and pydantic models: equal values, equal fingerprint."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=_plain)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no fingerprint")


def file_fingerprint(path: UPath) -> str:
    """A hash of a file's content: read locally, the store's own ETag on S3."""
    with explained(path):
        if not is_local(path):
            info = path.fs.info(path.path)
            return fingerprint(info["size"], str(info["ETag"]))
        with Path(path.path).open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=10)).hexdigest()


# --- artifacts -------------------------------------------------------------------------------


class Manifest(BaseModel):
    """What an artifact is, how it was made and which files it consists of."""

    model_config = ConfigDict(frozen=True)

    stage: str
    key: str
    place: str  # where it was made
    created: datetime
    parameters: dict[str, Any]
    result: dict[str, Any]
    files: dict[str, int]


@dataclass(frozen=True)
class Artifact:
    """A folder that a stage fills; finished once :meth:`publish` has written its manifest."""

    path: UPath
    manifest_name: str = "manifest.json"

    @property
    def manifest_path(self) -> UPath:
        """Where the manifest is, or will be."""
        return self.path / self.manifest_name

    def manifest(self) -> Manifest | None:
        """The manifest if the artifact is finished and whole, else None."""
        path = self.manifest_path
        try:
            manifest = Manifest.model_validate_json(path.fs.cat_file(path.path))
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            return None
        return manifest if sizes(self.path, manifest.files) == manifest.files else None

    def publish(
        self,
        stage: str,
        key: str,
        files: Iterable[str],
        *,
        parameters: dict[str, Any],
        result: dict[str, Any],
    ) -> Manifest:
        """Declare the named files, all written before, to be the finished artifact ``key``."""
        names = sorted(files)
        present = sizes(self.path, names)
        if missing := set(names) - set(present):
            raise FileNotFoundError(f"{stage} has not written {sorted(missing)} in {self.path}")
        manifest = Manifest(
            stage=stage,
            key=key,
            place=str(self.path),
            created=datetime.now(UTC),
            parameters=parameters,
            result=result,
            files=present,
        )
        content = manifest.model_dump_json(indent=2).encode()
        write_bytes(self.manifest_path, content)
        return manifest


class Store(Parameters):
    """Artifacts below one root, ``<root>/<stage>/<key>/``.

    With ``keyed`` off the root itself is the artifact of one stage: the folder that the user of a
    script named. ``manifest_name`` tells apart several such artifacts in one folder.
    """

    root: str
    keyed: bool = True
    manifest_name: str = "manifest.json"

    @property
    def path(self) -> UPath:
        """The root as a place."""
        return location(self.root)

    def artifact(self, stage: str, key: str) -> Artifact:
        """The artifact of a stage and key, finished or not."""
        folder = self.path / stage / key if self.keyed else self.path
        return Artifact(folder, self.manifest_name)

    def point_latest(self, stage: str, key: str) -> None:
        """Make ``<stage>/latest`` name this key: a link locally, an object with the key on S3."""
        if not self.keyed:
            return
        latest = self.path / stage / "latest"
        if not is_local(latest):
            write_bytes(latest, key.encode())
            return
        link = Path(latest.path)
        if link.is_dir() and not link.is_symlink():
            shutil.rmtree(link)  # what a copy that follows links makes of it
        aside = link.with_name(f".latest.{uuid.uuid4().hex[:8]}")
        aside.symlink_to(key)
        aside.replace(link)

    def latest(self, stage: str) -> Artifact | None:
        """The artifact that ``latest`` names, if it is whole."""
        pointer = self.path / stage / "latest"
        if is_local(pointer):
            if not Path(pointer.path).is_symlink():
                return None
            key = str(Path(pointer.path).readlink())
        elif pointer.fs.exists(pointer.path):
            key = read_bytes(pointer).decode()
        else:
            return None
        artifact = self.artifact(stage, key)
        return artifact if artifact.manifest() else None
