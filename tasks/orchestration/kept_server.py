"""One Prefect server on this machine, kept running for all commands of a user.

A file in Prefect's home names it, so that commands find it without an export. It has the UI and the
services that a temporary server lacks: scheduled runs start.
"""

import json
import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

from tasks.orchestration.new_database import prefect_home
from tasks.orchestration.server_start import (
    QUIET,
    STOP_SECONDS,
    StartedServer,
    is_healthy,
    start_server,
)
from vitrina.errors import UserError

PORT = 4200  # Prefect's own default, for its UI is remembered by address
ANSWER_SECONDS = 2.0
RECORD = "vitrina-server.json"  # in PREFECT_HOME: the server that is kept
KEPT = {
    **QUIET,
    # On disk: kept in memory, a restart would end the runs of deployments that are in progress.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
        "prefect.server.concurrency.lease_storage.filesystem"
    ),
    # `prefect deployment run … --watch` then shows the stages' lines.
    "PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED": "true",
    "PREFECT_SERVER_LOGS_STREAM_PUBLISHING_ENABLED": "true",
}


class KeptServer(NamedTuple):
    """A server that was started by :func:`start`."""

    pid: int
    url: str  # of the API; the UI is beside it


def _file() -> Path:
    return prefect_home() / RECORD


def log_file() -> Path:
    """What the kept server logs."""
    return prefect_home() / "vitrina-server.log"


def kept_server() -> KeptServer | None:
    """The running kept server, if there is one."""
    server = _recorded()
    return server if server and is_healthy(server.url, ANSWER_SECONDS) else None


def _recorded() -> KeptServer | None:
    try:
        return KeptServer(**json.loads(_file().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None  # no file, or one that was cut off by a full disk


def start(port: int = 0) -> tuple[KeptServer, bool]:
    """The kept server, and whether it was started now.

    Without a port, 4200 or, if that is taken, a free one. Raises UserError if the port asked for
    is taken, or if the server does not start.
    """
    if found := kept_server():
        return found, False
    prefect_home().mkdir(mode=0o700, parents=True, exist_ok=True)
    started = _at_port(port)
    url = started.wait()
    server = KeptServer(started.process.pid, url)
    temp_file = _file().with_suffix(f".{os.getpid()}")
    temp_file.write_text(json.dumps(server._asdict()), encoding="utf-8")
    temp_file.replace(_file())
    return server, True


def _at_port(port: int) -> StartedServer:
    log = log_file().open("w+b")
    try:
        return start_server(KEPT, port=port or PORT, parent=0, log=log)
    except OSError as error:
        if port:
            raise UserError(f"Port {port} is taken ({error}): give another one.") from error
    return start_server(KEPT, parent=0, log=log)


def stop() -> bool:
    """End the kept server; False if none runs."""
    server = kept_server()
    _file().unlink(missing_ok=True)
    if server is None:
        return False
    os.kill(server.pid, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while is_healthy(server.url, ANSWER_SECONDS) or _runs(server.pid):
        if time.monotonic() > end:
            os.kill(server.pid, signal.SIGKILL)
            break
        time.sleep(0.05)
    return True


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
