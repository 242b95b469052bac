"""The published ruCLIP models over HTTPS: resumed, checked for size, published whole.

The package's own download asks for an organisation that was renamed since, so it is not used.
"""

import fcntl
import logging
import os
import time
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
ORGANISATION = "ai-forever"
OTHER_SOURCES = (
    "Other sources of a model: a local folder, an s3:// folder, tiny (a small untrained one), "
    "or a mirror of the hub (HF_ENDPOINT)."
)


@dataclass(frozen=True)
class Hub:
    """Where models are downloaded from, and how patiently."""

    endpoint: str = DEFAULT_ENDPOINT
    token: str | None = field(default=None, repr=False)
    tries: int = 4
    first_wait: float = 1.0
    timeout: float = 30.0

    @classmethod
    def from_environment(cls) -> "Hub":
        """The hub that HF_ENDPOINT and HF_TOKEN name."""
        endpoint = os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT
        if not endpoint.startswith(("https://", "http://")):
            raise UserError(f"HF_ENDPOINT must begin with https:// or http://, found {endpoint!r}.")
        return cls(endpoint.rstrip("/"), os.environ.get("HF_TOKEN") or None)

    def url(self, name: str, file: str) -> str:
        """Address of one file of a model."""
        return f"{self.endpoint}/{ORGANISATION}/{name}/resolve/main/{file}"


def download(name: str, cache: Path, hub: Hub) -> Path:
    """The folder ``cache/name`` with the model's three files, downloaded unless they are there.

    A killed download goes on where it stopped; of several processes one downloads and the others
    wait for it. Raises UserError if the hub cannot be reached or refuses.
    """
    folder = cache / name
    if not missing_files(UPath(folder)):
        return folder
    with as_user_error(UPath(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    with lock, _client(hub) as client:
        _wait_for(lock, name)
        for file in FILES:
            if not (folder / file).is_file():
                _fetch(client, hub, hub.url(name, file), folder / file)
    return folder


def _wait_for(lock: IO[str], name: str) -> None:
    """Hold the lock until it is closed; the system frees the lock of a process that dies."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        logger.info("Another process downloads %s; waiting for it.", name)
        fcntl.flock(lock, fcntl.LOCK_EX)


def _client(hub: Hub) -> httpx.Client:
    # httpx drops the Authorization header when a redirect leaves the endpoint's own host.
    headers = {"Accept-Encoding": "identity"}
    if hub.token:
        headers["Authorization"] = f"Bearer {hub.token}"
    return httpx.Client(headers=headers, follow_redirects=True, timeout=hub.timeout)


def _fetch(client: httpx.Client, hub: Hub, url: str, target: Path) -> None:
    """Download one file beside ``target``, then put it there whole."""
    part = target.with_name(f"{target.name}.part")
    failures = 0
    while True:
        before = _size(part)
        try:
            _receive(client, url, part)
            break
        except httpx.HTTPError as error:
            failures = 1 if _size(part) > before else failures + 1
            if failures >= hub.tries or not _passes(error):
                raise UserError(
                    f"{url} cannot be downloaded: {_reason(error, hub)}. {OTHER_SOURCES}"
                ) from error
            wait = hub.first_wait * 2 ** (failures - 1)
            logger.warning("%s: %s; again in %.0f s.", url, _reason(error, hub), wait)
            time.sleep(wait)
    part.replace(target)
    _tag(part).unlink(missing_ok=True)


def _receive(client: httpx.Client, url: str, part: Path) -> None:
    """Append to ``part`` what it lacks of the file at ``url``."""
    with client.stream("GET", url, headers=_resume_headers(part)) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            if response.headers.get("Content-Range") == f"bytes */{_size(part)}":
                return  # stopped between the last byte and its publication
            part.unlink()
            raise httpx.ReadError("the file has changed since its download began")
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        start = _size(part) if resumed else 0
        length = response.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        with part.open("ab" if resumed else "wb") as file:
            _tag(part).write_text(response.headers.get("ETag", ""))
            with _progress(part.stem, start, total) as bar:
                # As it comes: a chunk that httpx gathers is lost when the line breaks.
                for chunk in response.iter_raw():
                    file.write(chunk)
                    bar.update(len(chunk))
    if total is not None and _size(part) != total:
        raise httpx.ReadError(f"{_size(part)} of {total} bytes arrived")


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
    """Ask for the rest, provided that the file is still the one whose beginning is here."""
    etag = _tag(part).read_text() if _tag(part).is_file() else ""
    if not _size(part) or not etag or etag.startswith("W/"):
        return {}
    return {"Range": f"bytes={_size(part)}-", "If-Range": etag}


def _tag(part: Path) -> Path:
    return part.with_name(f"{part.name}.etag")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _passes(error: httpx.HTTPError) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return status >= 500 or status == httpx.codes.TOO_MANY_REQUESTS
    return isinstance(error, httpx.TransportError)


def _reason(error: httpx.HTTPError, hub: Hub) -> str:
    if not isinstance(error, httpx.HTTPStatusError):
        return f"{type(error).__name__}, {error}"
    if error.response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return "HF_TOKEN is refused" if hub.token else "it wants an access token in HF_TOKEN"
    return f"{error.response.status_code} {error.response.reason_phrase}"
