"""``vitrina server``: one server for all commands, found without an export."""

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from prefect.logging.clients import PrefectLogsSubscriber

from tests.support.command_line import FLOWS, command
from vitrina.demo.catalog import draw_catalog

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of Prefect's own; its server is stopped in the end."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    yield tmp_path / "prefect"
    server("stop")


def server(*arguments: str) -> str:
    """What the command prints."""
    line = [sys.executable, str(FLOWS / "server.py"), *arguments]
    done = subprocess.run(line, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def preprocess(folder: Path) -> str:
    """The log of a run of data_preprocessing.py."""
    done = command(
        "data_preprocessing.py",
        *("--file_path", folder / "catalog.parquet", "--base_image_path", folder / "images"),
        *("--processed_data_path", folder / "p", "--processed_images_path", folder / "r"),
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_commands_use_the_kept_server_and_it_outlives_them(home: Path, tmp_path: Path) -> None:
    """Started once, found by a run, whose record it keeps; after a kill another one starts."""
    draw_catalog(tmp_path / "shop", products=20)
    assert "No server is running" in server()
    told = server("start")
    url = told.split()[1]
    assert told.startswith(f"Started: {url} (process ")
    assert server("start").startswith(f"It runs already: {url} (process ")
    assert url in preprocess(tmp_path / "shop")
    runs = httpx.post(f"{url}/api/flow_runs/filter", json={}, trust_env=False).json()
    assert [one["state"]["name"] for one in runs] == ["Completed"]
    logged = httpx.post(f"{url}/api/logs/filter", json={}, trust_env=False).json()
    names = {one["name"].split(".")[0] for one in logged}
    assert {"prefect", "vitrina"} <= names  # Prefect's own lines and those of the stages
    assert httpx.get(url, trust_env=False, follow_redirects=True).is_success  # the UI

    os.kill(int(told.split("process ")[1].split(",")[0]), 9)
    assert "No server is running" in server("status")
    assert url not in preprocess(tmp_path / "shop")  # a temporary one
    assert server("start").startswith("Started:")
    assert server("stop") == "Stopped.\n"
    assert server("stop") == "No server was running.\n"
    assert not (home / "vitrina-server.json").exists()


@pytest.mark.usefixtures("home")
def test_answers_wait_for_no_acknowledgement() -> None:
    """Nagle's algorithm would hold up the answers on a kept connection until the kernel's 40 ms.

    The first answers on a connection are acknowledged at once.
    """
    url = f"{server('start').split()[1]}/api/admin/version"
    with httpx.Client(trust_env=False) as client:
        kept = [_seconds(client, url) for _ in range(12)]
    new = []
    for _ in range(12):
        with httpx.Client(trust_env=False) as client:
            new.append(_seconds(client, url))
    assert min(kept[2:]) < min(new) + 0.03


def test_it_streams_the_lines_of_a_log(home: Path) -> None:
    """So that who watches a deployed run sees what its stages say."""
    assert not home.exists()
    api = f"{server('start').split()[1]}/api"
    line = {
        "name": "vitrina.store.stage",
        "level": logging.INFO,
        "message": "clean: found",
        "timestamp": datetime.now(UTC).isoformat(),
        "flow_run_id": str(uuid4()),
    }

    async def streamed() -> str:
        async with PrefectLogsSubscriber(api_url=api) as logs:
            httpx.post(f"{api}/logs/", json=[line], trust_env=False).raise_for_status()
            return (await anext(logs)).message

    assert asyncio.run(asyncio.wait_for(streamed(), 60)) == "clean: found"


def _seconds(client: httpx.Client, url: str) -> float:
    begin = time.perf_counter()
    assert client.get(url).is_success
    return time.perf_counter() - begin
