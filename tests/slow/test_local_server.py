"""The temporary Prefect server of a command, in surroundings that hinder it."""

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.orchestration.server_start import TEMPORARY, start_server
from tests.support.command_line import FLOWS, command, servers_of
from tests.support.processes import eventually, free_port
from vitrina.demo.catalog import draw_catalog

pytestmark = pytest.mark.slow

CLOSED = "127.0.0.1:9"  # the discard service, which nobody runs
SECONDS = 60  # where Prefect by itself waits for two minutes and more


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The options of data_preprocessing.py for a small shop."""
    folder = tmp_path_factory.mktemp("shop")
    draw_catalog(folder, products=30, seed=0)
    return [
        *("--file_path", str(folder / "catalog.parquet")),
        *("--base_image_path", str(folder / "images")),
        *("--processed_data_path", str(folder / "processed")),
        *("--processed_images_path", str(folder / "resized")),
    ]


@pytest.mark.parametrize(
    "variables",
    [
        {"HTTP_PROXY": f"http://{CLOSED}", "HTTPS_PROXY": f"http://{CLOSED}"},
        {"ALL_PROXY": f"socks5://{CLOSED}", "all_proxy": f"socks5h://{CLOSED}"},
        {"http_proxy": f"http://{CLOSED}", "NO_PROXY": "example.org"},
    ],
    ids=["http", "socks", "no_proxy"],
)
def test_loopback_never_goes_through_a_proxy(
    arguments: list[str], variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run with a proxy in the environment that answers nothing completes like any other."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = command("data_preprocessing.py", *arguments)
    assert done.returncode == 0, done.stderr


def test_a_database_of_a_newer_prefect_is_told_in_seconds(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason and what to do, in one line, and exit code 2."""
    with sqlite3.connect(tmp_path / "prefect.db") as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO alembic_version VALUES ('ffffffffffff')")
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    begin = time.monotonic()
    done = command("data_preprocessing.py", *arguments)
    assert time.monotonic() - begin < SECONDS
    assert done.returncode == 2
    told = done.stderr.strip().splitlines()
    assert len(told) == 1, told
    assert "made by a newer Prefect. Set PREFECT_HOME" in told[0]


def test_a_server_that_is_down_is_told_in_seconds(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PREFECT_API_URL of a closed port: its address and what to do, and exit code 2."""
    url = f"http://127.0.0.1:{free_port()}/api"
    monkeypatch.setenv("PREFECT_API_URL", url)
    begin = time.monotonic()
    done = command("data_preprocessing.py", *arguments)
    assert time.monotonic() - begin < SECONDS
    assert done.returncode == 2
    told = done.stderr.strip().splitlines()
    assert len(told) == 1, told
    assert f"No Prefect server answers at {url}" in told[0]


def test_a_home_that_cannot_be_written_is_told_in_seconds(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PREFECT_HOME that is a file: exit code 2 and a line that names it."""
    (tmp_path / "home").write_text("a file")
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    done = command("data_preprocessing.py", *arguments)
    assert done.returncode == 2, done.stderr
    assert str(tmp_path / "home") in done.stderr
    assert "Traceback" not in done.stderr


def test_a_known_database_is_taken_as_it_is(tmp_path: Path) -> None:
    """No migration is looked for, and no block type compared, in a copy of the stored one."""
    with (tmp_path / "log").open("w+b") as log:
        server = start_server(
            {**TEMPORARY, "PREFECT_HOME": str(tmp_path), "PYTHONPROFILEIMPORTTIME": "1"}, log=log
        )
        try:
            server.wait()
        finally:
            server.stop()
        log.seek(0)
        imported = {line.rpartition(b"|")[2].strip().decode() for line in log}
    assert "prefect.server.api.server" in imported
    assert not imported & {"alembic", "prefect_ray"}


def test_a_refused_input_leaves_no_server(arguments: list[str], tmp_path: Path) -> None:
    """It starts while the input is checked, and ends with the command."""
    line = [sys.executable, str(FLOWS / "data_preprocessing.py"), *arguments]
    line[line.index("--file_path") + 1] = str(tmp_path / "absent.parquet")
    refused = subprocess.Popen(line, stderr=subprocess.PIPE, text=True)
    told = refused.communicate(timeout=SECONDS)[1]
    assert refused.returncode == 2
    assert told == f"error: {tmp_path / 'absent.parquet'} does not exist.\n"
    eventually(lambda: not servers_of(refused.pid), 5, "the server's end")
