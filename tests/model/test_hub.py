"""Downloads of published models, from a real HTTP server that redirects, fails and resumes."""

import errno
import fcntl
import hashlib
import multiprocessing
import resource
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.tiny_model import contents
from vitrina.errors import UserError
from vitrina.model.folder import FILES
from vitrina.model.hub import Hub, download
from vitrina.model.model import load_folder
from vitrina.store.failures import DiskFullError

NAME = "ruclip-vit-base-patch32-384"
WEIGHTS = "pytorch_model.bin"


@dataclass
class Site:
    """What the two servers offer, how they misbehave, and what they were asked for."""

    files: dict[str, bytes]
    drop_after: list[int] = field(default_factory=list)  # body bytes before the line goes dead
    statuses: list[int] = field(default_factory=list)  # answers before the right one
    ranges: bool = True
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def asked(self, server: str, file: str) -> list[dict[str, str]]:
        """The headers of each request for a file at the "hub" or the "cdn"."""
        return [
            headers
            for where, path, headers in self.requests
            if where == server and path.endswith(f"/{file}")
        ]


class Handler(BaseHTTPRequestHandler):
    """Answers as the hub, which redirects to the weights' other host, or as that host."""

    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        site: Site = self.server.site
        name = self.path.rsplit("/", 1)[-1]
        site.requests.append((self.server.role, self.path, dict(self.headers)))
        if self.server.role == "hub" and not self.path.startswith(
            f"/ai-forever/{NAME}/resolve/main/"
        ):
            self.answer(404)
        elif site.statuses and name == WEIGHTS:
            self.answer(site.statuses.pop(0))
        elif self.server.role == "hub" and name == WEIGHTS:
            self.answer(302, {"Location": f"{self.server.cdn}/blobs/{name}"})
        else:
            self.send_file(site, site.files[name])

    def answer(self, status: int, headers: dict[str, str] | None = None, length: int = 0) -> None:
        """Status line and headers."""
        self.send_response(status)
        for key, value in {"Content-Length": str(length), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()

    def send_file(self, site: Site, content: bytes) -> None:
        """The file, or the asked part of it if it has not changed."""
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        asked = self.headers.get("Range")
        start = 0
        if asked and site.ranges and self.headers.get("If-Range") == etag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        if start >= len(content):
            self.answer(416, {"Content-Range": f"bytes */{len(content)}"})
            return
        part = f"bytes {start}-{len(content) - 1}/{len(content)}"
        headers = {"ETag": etag, **({"Content-Range": part} if start else {})}
        self.answer(206 if start else 200, headers, len(content) - start)
        if site.drop_after and self.path.endswith(WEIGHTS):
            self.wfile.write(content[start : start + site.drop_after.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(content[start:])


def serve(role: str, site: Site, cdn: str = "") -> ThreadingHTTPServer:
    """A running server on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.role, server.site, server.cdn = role, site, cdn  # type: ignore[attr-defined]  # for Handler
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
    return server


@pytest.fixture
def files(folder: Path) -> dict[str, bytes]:
    """The three files of a real, tiny ruCLIP."""
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.fixture
def site(files: dict[str, bytes]) -> Site:
    """A well-behaved site; a test makes it misbehave."""
    return Site(dict(files))


@pytest.fixture
def hub(site: Site) -> Iterator[Hub]:
    """The hub at 127.0.0.1, whose weights lie at another host name."""
    cdn = serve("cdn", site)
    front = serve("hub", site, cdn=f"http://localhost:{cdn.server_port}")
    yield Hub(f"http://127.0.0.1:{front.server_port}", token="secret", first_wait=0.01, timeout=10)
    for server in (front, cdn):
        server.shutdown()
        server.server_close()


def test_a_model_arrives_whole_and_opens(hub: Hub, files: dict[str, bytes], tmp_path: Path) -> None:
    """The three files, and nothing else, are in the folder of the model's name and load."""
    folder = download(NAME, tmp_path, hub)
    assert folder == tmp_path / NAME
    assert contents(folder) == files
    assert load_folder(folder).context_length == 77


def test_a_disk_without_locks_is_no_obstacle(
    hub: Hub, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lustre and some NFS have no flock: the model arrives all the same, without remains."""

    def refuse(*_arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert contents(download(NAME, tmp_path, hub)) == files
    assert {path.name for path in (tmp_path / NAME).iterdir()} == {*files, ".lock"}


def test_a_full_disk_is_told_and_the_download_resumes(
    hub: Hub, files: dict[str, bytes], tmp_path: Path
) -> None:
    """The file that has no room is named, and no half of it is taken for the whole."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(DiskFullError, match=f"{WEIGHTS} cannot be written"):
            download(NAME, tmp_path, hub)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / NAME / WEIGHTS).exists()
    assert contents(download(NAME, tmp_path, hub)) == files


def test_a_model_in_the_cache_needs_no_network(hub: Hub, site: Site, tmp_path: Path) -> None:
    """The second download asks for nothing."""
    download(NAME, tmp_path, hub)
    site.requests.clear()
    download(NAME, tmp_path, hub)
    assert site.requests == []


def test_the_token_stays_with_the_hub(hub: Hub, site: Site, tmp_path: Path) -> None:
    """The endpoint gets the token; the host that it redirects to does not."""
    download(NAME, tmp_path, hub)
    assert [headers["Authorization"] for headers in site.asked("hub", WEIGHTS)] == ["Bearer secret"]
    assert ["Authorization" in headers for headers in site.asked("cdn", WEIGHTS)] == [False]
    assert "secret" not in repr(hub)


def test_a_broken_connection_is_resumed(
    hub: Hub, site: Site, files: dict[str, bytes], tmp_path: Path
) -> None:
    """Bytes that arrived before each break are not asked for again."""
    site.drop_after = [100_000, 50_000]
    folder = download(NAME, tmp_path, hub)
    assert contents(folder) == files
    asked = [headers.get("Range") for headers in site.asked("cdn", WEIGHTS)]
    assert asked == [None, "bytes=100000-", "bytes=150000-"]


def test_a_server_without_ranges_is_asked_from_the_start(
    hub: Hub, site: Site, files: dict[str, bytes], tmp_path: Path
) -> None:
    """Where Range is ignored, the whole file replaces its beginning."""
    site.ranges = False
    site.drop_after = [100_000]
    assert contents(download(NAME, tmp_path, hub)) == files


def test_a_killed_download_is_resumed(
    hub: Hub, site: Site, files: dict[str, bytes], tmp_path: Path
) -> None:
    """What a killed process left is no model yet; the next process completes it."""
    site.drop_after = [100_000]
    with pytest.raises(UserError):
        download(NAME, tmp_path, Hub(hub.endpoint, tries=1))
    assert WEIGHTS not in contents(tmp_path / NAME)
    assert contents(download(NAME, tmp_path, hub)) == files
    assert site.asked("cdn", WEIGHTS)[-1]["Range"] == "bytes=100000-"


def test_a_file_that_changed_meanwhile_is_downloaded_from_its_start(
    hub: Hub, site: Site, files: dict[str, bytes], tmp_path: Path
) -> None:
    """Two versions are never glued together."""
    site.files[WEIGHTS] = bytes(reversed(files[WEIGHTS]))
    site.drop_after = [100_000]
    with pytest.raises(UserError):
        download(NAME, tmp_path, Hub(hub.endpoint, tries=1))
    site.files = files
    assert contents(download(NAME, tmp_path, hub)) == files


def test_a_complete_file_that_was_not_renamed_is_not_downloaded_again(
    hub: Hub, files: dict[str, bytes], tmp_path: Path
) -> None:
    """A process killed after the last byte leaves nothing to download again."""
    download(NAME, tmp_path, hub)
    weights = tmp_path / NAME / WEIGHTS
    weights.rename(weights.with_name(f"{WEIGHTS}.part"))
    etag = hashlib.sha256(files[WEIGHTS]).hexdigest()
    weights.with_name(f"{WEIGHTS}.part.etag").write_text(f'"{etag}"')
    assert contents(download(NAME, tmp_path, hub)) == files


@pytest.mark.parametrize("status", [503, 429, 500])
def test_a_transient_failure_is_retried(
    hub: Hub, site: Site, files: dict[str, bytes], tmp_path: Path, status: int
) -> None:
    """An overloaded server is asked once more."""
    site.statuses = [status]
    assert contents(download(NAME, tmp_path, hub)) == files


@pytest.mark.parametrize(("status", "reason"), [(404, "404"), (401, "HF_TOKEN"), (403, "HF_TOKEN")])
def test_a_refusal_is_final_and_names_other_sources(
    hub: Hub, site: Site, tmp_path: Path, status: int, reason: str
) -> None:
    """It is not retried; the error says why, and where else a model may come from."""
    site.statuses = [status] * 9
    with pytest.raises(UserError, match=reason) as raised:
        download(NAME, tmp_path, hub)
    assert len(site.statuses) == 8
    for source in ("local folder", "s3://", "tiny", "HF_ENDPOINT"):
        assert source in str(raised.value)
    assert WEIGHTS not in contents(tmp_path / NAME)


def test_offline_the_error_names_other_sources(tmp_path: Path) -> None:
    """With nobody listening, a UserError comes after the last try."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.server_close()
    hub = Hub(f"http://127.0.0.1:{server.server_port}", tries=2, first_wait=0.01)
    with pytest.raises(UserError, match="local folder"):
        download(NAME, tmp_path, hub)
    assert contents(tmp_path / NAME) == {}


def test_two_processes_at_once_make_one_good_copy(
    hub: Hub, site: Site, files: dict[str, bytes], tmp_path: Path
) -> None:
    """One downloads, the other waits; both end with the whole model."""
    site.drop_after = [100_000, 100_000]
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=download, args=(NAME, tmp_path, hub)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert contents(tmp_path / NAME) == files
    assert len(site.asked("hub", "config.json")) == 1


def test_the_hub_is_what_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_ENDPOINT and HF_TOKEN are honoured; without them it is the public hub, without a token."""
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    monkeypatch.setenv("HF_TOKEN", "secret")
    hub = Hub.from_environment()
    assert hub.url(NAME, "config.json") == (
        f"https://mirror.example/ai-forever/{NAME}/resolve/main/config.json"
    )
    assert hub.token == "secret"
    monkeypatch.delenv("HF_ENDPOINT")
    monkeypatch.delenv("HF_TOKEN")
    assert Hub.from_environment() == Hub("https://huggingface.co", None)


def test_an_endpoint_without_a_scheme_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped mirror is named before anything is asked."""
    monkeypatch.setenv("HF_ENDPOINT", "mirror.example")
    with pytest.raises(UserError, match="HF_ENDPOINT"):
        Hub.from_environment()
