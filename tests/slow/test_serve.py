"""Serving as a process: it starts, ends, is killed, and is asked too much."""

import signal
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.command_line import command
from tests.support.processes import eventually
from tests.support.searched_run import SearchedRun, embed_again, embedded_run
from tests.support.served import serving
from vitrina.store.paths import to_path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SearchedRun:
    """A run to serve."""
    folder = tmp_path_factory.mktemp("served")
    return embedded_run(to_path(folder / "output"), folder)


@pytest.mark.parametrize("wish", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_within_seconds_when_it_is_asked_to(
    shop: SearchedRun, tmp_path: Path, wish: signal.Signals
) -> None:
    """With exit code 0 and no traceback, though a client keeps its connection open."""
    with serving(shop.store.root, tmp_path / "log") as served, httpx.Client() as client:
        assert client.get(f"{served.url}/healthz").json()["status"] == "ok"
        begin = time.monotonic()
        served.process.send_signal(wish)
        assert served.process.wait(30) == 0
        assert time.monotonic() - begin < 15  # 5 on a machine with nothing else to do
        assert "Traceback" not in served.log.read_text()


def test_killed_it_leaves_nothing_behind(shop: SearchedRun, tmp_path: Path) -> None:
    """The next one serves the same."""
    for _ in range(2):
        with serving(shop.store.root, tmp_path / "log") as served:
            answer = httpx.get(f"{served.url}/similar/3").json()
            assert len(answer["listings"]) == 24
            served.process.kill()
            served.process.wait()
    assert not [path for path in Path(shop.store.root).rglob("*") if path.name.startswith(".")]


@pytest.mark.parametrize("seconds", [0.0, 0.2])
def test_killed_while_it_takes_up_a_run_it_answers_from_one_run_or_the_other(
    tmp_path: Path, seconds: float
) -> None:
    """Before and after kill -9 each answer is of 40 listings or of 33, under its run's key."""
    shop = embedded_run(to_path(tmp_path / "output"), tmp_path)
    before = shop.store.latest_key("embed")
    answers: list[dict[str, Any]] = []
    options = ("--poll_seconds", "0.05", "--max_top", "40")
    with serving(shop.store.root, tmp_path / "log", *options) as served:
        ask(served.url, answers)
        after = embed_again(shop.store, shop.rows[:33], shop.model).store.latest_key("embed")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ask(served.url, answers)
        served.process.kill()
        served.process.wait()
    with serving(shop.store.root, tmp_path / "log", *options) as served:
        ask(served.url, answers)
    listings = {before: set(range(40)), after: set(range(33))}
    assert len(listings) == 2
    for answer in answers:
        assert {hit["nm"] for hit in answer["listings"]} == listings[answer["run"]]
    assert (answers[0]["run"], answers[-1]["run"]) == (before, after)


def ask(url: str, answers: list[dict[str, Any]]) -> None:
    """Add the answers to a search and to a look at the catalogue, both for all listings."""
    questions = ("/search?q=кружка&top=40", "/listings?top=40")
    answers.extend(httpx.get(url + question).json() for question in questions)


def test_an_upload_of_two_gigabytes_is_refused_early(shop: SearchedRun, tmp_path: Path) -> None:
    """Announced or not: the connection is closed long before all of it is sent."""
    with serving(shop.store.root, tmp_path / "log", "--max_upload_mb", "1") as served:
        address = urlsplit(served.url)
        for announced in (True, False):
            length = "Content-Length: 2000000000" if announced else "Transfer-Encoding: chunked"
            with socket.create_connection((address.hostname, address.port)) as connection:
                head = f"POST /search HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n"
                connection.sendall(head.encode())
                sent = 0
                try:
                    while sent < 2_000_000_000:
                        piece = bytes(65_536)
                        connection.sendall(piece if announced else b"10000\r\n" + piece + b"\r\n")
                        sent += len(piece)
                except OSError:  # closed by the server
                    pass
                assert sent < 20_000_000
        assert httpx.get(f"{served.url}/healthz").status_code == 200


def test_it_waits_for_the_first_run_and_takes_up_the_next(tmp_path: Path) -> None:
    """Without a restart; both answer under their own keys."""
    root = tmp_path / "output"
    root.mkdir()
    options = ("--wait", "--poll_seconds", "0.2")
    with serving(str(root), tmp_path / "log", *options) as served:
        assert httpx.get(f"{served.url}/healthz").status_code == 503
        shop = embedded_run(to_path(root), tmp_path)

        def listings() -> int:
            answer = httpx.get(f"{served.url}/filters")
            return int(answer.json()["listings"]) if answer.status_code == 200 else 0

        assert eventually(listings, 60, "the first run") == 40
        embed_again(shop.store, shop.rows[:33], shop.model)
        eventually(lambda: listings() == 33, 60, "the second run")


def test_mistakes_are_told_in_a_line(shop: SearchedRun, tmp_path: Path) -> None:
    """With exit code 2, before anything is loaded."""
    taken = socket.create_server(("127.0.0.1", 0))
    for options, told in (
        (("--output", tmp_path / "absent"), "absent does not exist"),
        (("--output", tmp_path), "no finished embedding"),
        (("--output", shop.store.root, "--host", "0.0.0.0"), "Set VITRINA_TOKEN"),
        (("--output", shop.store.root, "--port", taken.getsockname()[1]), "cannot be listened on"),
        (("--prot", "1"), "Unrecognized"),
    ):
        refused = command("serve.py", *options)
        assert (refused.returncode, told in refused.stderr) == (2, True), refused.stderr
        assert refused.stderr.count("\n") <= 2
    taken.close()
