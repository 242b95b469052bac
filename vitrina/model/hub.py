"""Download the published ruCLIP models over HTTPS: resumable, size-checked, atomic.

The package's own download is not used: it asks for an organization that has been renamed since.
"""

import fcntl
import logging
import os
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NoReturn

import httpx
from tqdm import tqdm
from upath import UPath

from vitrina.errors import UserError
from vitrina.model.folder import FILES, missing_files
from vitrina.store.paths import as_user_error

logger = logging.getLogger(__name__)

DEFAULT_ENDPOINT = "https://huggingface.co"
ORGANIZATION = "ai-forever"
OTHER_SOURCES = (
    "Other sources of a model: a local folder, an s3:// folder, tiny (a small untrained one), "
    "or a mirror of the hub (HF_ENDPOINT)."
)


@dataclass(frozen=True)
class Hub:
    """Where models are downloaded from, and how often a download is retried."""

    endpoint: str = DEFAULT_ENDPOINT
    token: str | None = field(default=None, repr=False)
    tries: int = 4  # in a row without a new byte; any progress starts the count again
    first_wait: float = 1.0  # seconds before the first retry; doubled for each further one
    timeout: float = 30.0  # seconds without an answer

    @classmethod
    def from_environment(cls) -> "Hub":
        """The hub of HF_ENDPOINT, by default the public one, with the token of HF_TOKEN.

        Raises UserError if HF_ENDPOINT is no http(s) address.
        """
        endpoint = os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT
        if not endpoint.startswith(("https://", "http://")):
            raise UserError(f"HF_ENDPOINT must start with https:// or http://, found {endpoint!r}.")
        return cls(endpoint.rstrip("/"), os.environ.get("HF_TOKEN") or None)

    def url(self, name: str, file: str) -> str:
        """The address of one file of a model."""
        return f"{self.endpoint}/{ORGANIZATION}/{name}/resolve/main/{file}"


def download(name: str, cache: Path, hub: Hub) -> Path:
    """The folder ``cache/name`` with the model's three files; downloads those that are missing.

    A killed download resumes where it stopped. Of several processes, one downloads and the others
    wait for it. Raises UserError if the hub cannot be reached or refuses.
    """
    folder = cache / name
    if not missing_files(UPath(folder)):
        return folder
    with as_user_error(UPath(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    with lock, _client(hub) as client:
        # Without locks, each process downloads into files of its own.
        part = ".part" if _locked(lock, name) else f".{uuid.uuid4().hex[:8]}.part"
        for file in FILES:
            target = folder / file
            if not target.is_file():
                with as_user_error(UPath(target)):
                    _fetch(client, hub, hub.url(name, file), target, target.with_name(file + part))
    return folder


def _locked(lock: IO[str], name: str) -> bool:
    """Take the lock, which closing the file or the end of the process releases.

    False on a disk without locks, such as Lustre and some NFS.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        logger.info("Another process is downloading %s; waiting for it.", name)
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        logger.info("%s is downloaded without a lock: %s", name, error)
        return False
    return True


def _client(hub: Hub) -> httpx.Client:
    # httpx drops the Authorization header when a redirect leaves the endpoint's own host.
    headers = {"Accept-Encoding": "identity"}
    if hub.token:
        headers["Authorization"] = f"Bearer {hub.token}"
    return httpx.Client(headers=headers, follow_redirects=True, timeout=hub.timeout)


def _fetch(client: httpx.Client, hub: Hub, url: str, target: Path, part: Path) -> None:
    """Download into the temporary file ``part``, then rename it to ``target``.

    Raises UserError after ``hub.tries`` failures in a row without progress, or a permanent one.
    """
    failures = 0
    while True:
        before = _size(part)
        try:
            _receive(client, url, part)
            break
        except httpx.HTTPError as error:
            failures = 1 if _size(part) > before else failures + 1
            if failures >= hub.tries or not _is_transient(error):
                raise UserError(
                    f"{url} cannot be downloaded: {_reason(error, hub)}. {OTHER_SOURCES}"
                ) from error
            wait = hub.first_wait * 2 ** (failures - 1)
            logger.warning("%s: %s; retrying in %.0f s.", url, _reason(error, hub), wait)
            time.sleep(wait)
    part.replace(target)
    _etag_file(part).unlink(missing_ok=True)


def _receive(client: httpx.Client, url: str, part: Path) -> None:
    """Download the file at ``url`` into ``part``, or the rest if its beginning is there."""
    with client.stream("GET", url, headers=_resume_headers(part)) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            if response.headers.get("Content-Range") == f"bytes */{_size(part)}":
                return  # complete: stopped between the last byte and the rename
            part.unlink()
            raise httpx.ReadError("the file has changed since the download began")
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        start = _size(part) if resumed else 0
        length = response.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        with part.open("ab" if resumed else "wb") as file:
            _etag_file(part).write_text(response.headers.get("ETag", ""))
            with _progress(part.stem, start, total) as bar:
                # Unbuffered: bytes in httpx's buffer are lost when the connection breaks.
                for chunk in response.iter_raw():
                    file.write(chunk)
                    bar.update(len(chunk))
    if total is not None and _size(part) != total:
        raise httpx.ReadError(f"received {_size(part)} of {total} bytes")


def _progress(name: str, start: int, total: int | None) -> "tqdm[NoReturn]":
    return tqdm(
        desc=name,
        initial=start,
        total=total,
        unit="B",
        unit_scale=True,
        disable=None,  # on a terminal only, not in a log file
    )


def _resume_headers(part: Path) -> dict[str, str]:
    """Headers that ask for the rest of ``part`` if the remote file is unchanged."""
    etag = _etag_file(part).read_text() if _etag_file(part).is_file() else ""
    if not _size(part) or not etag or etag.startswith("W/"):
        return {}
    return {"Range": f"bytes={_size(part)}-", "If-Range": etag}


def _etag_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.etag")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _is_transient(error: httpx.HTTPError) -> bool:
    """Whether a retry may succeed."""
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return status >= 500 or status == httpx.codes.TOO_MANY_REQUESTS
    return isinstance(error, httpx.TransportError)


def _reason(error: httpx.HTTPError, hub: Hub) -> str:
    if not isinstance(error, httpx.HTTPStatusError):
        return f"{type(error).__name__}, {error}"
    if error.response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return "HF_TOKEN is refused" if hub.token else "it needs an access token in HF_TOKEN"
    return f"{error.response.status_code} {error.response.reason_phrase}"
