"""A temporary Prefect server for one command, where PREFECT_API_URL names none.

Prefect starts one by itself, but in the process group of the command: Ctrl-C in a terminal then
ends the server first, and the command waits for it for minutes. This one has a session of its own,
says why it does not start, and never outlives its command.
"""

import atexit
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

from tasks.orchestration import server_process
from vitrina.errors import UserError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
START_SECONDS = 120.0  # a first start on a busy machine makes the database
STOP_SECONDS = 3.0
ENVIRONMENT = {
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
    "PREFECT_UI_ENABLED": "0",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    "DO_NOT_TRACK": "1",
}


def bypass_proxies() -> None:
    """Never reach this machine's own addresses through a proxy of the environment."""
    for name in ("NO_PROXY", "no_proxy"):
        listed = [one for one in os.environ.get(name, "").split(",") if one]
        os.environ[name] = ",".join([*listed, *(one for one in LOOPBACK if one not in listed)])


@contextmanager
def prefect_server() -> Iterator[None]:
    """The server that PREFECT_API_URL names, else a temporary one, which ends with this process.

    Raises UserError with the reason if a server does not answer or does not start.
    """
    if url := PREFECT_API_URL.value():
        check_answers(url)
        yield
        return
    with temporary_settings({PREFECT_API_URL: _start_server()}):
        yield


def check_answers(url: str) -> None:
    """Raise UserError if the API does not answer."""
    try:
        httpx.get(f"{url.rstrip('/')}/health", timeout=10)
    except httpx.TransportError as error:
        raise UserError(
            f"No Prefect server answers at {url} ({error}). Start it, or unset PREFECT_API_URL to "
            "run with a temporary one."
        ) from error


def _start_server() -> str:
    """Start a server on a free port; the address of its API."""
    with tempfile.TemporaryFile("w+b") as log, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        fd = listener.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", server_process.__name__, str(fd), str(os.getpid())],
            env=os.environ
            | get_current_settings().to_environment_variables(exclude_unset=True)
            | ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[fd],
            start_new_session=True,
        )
        # Registered before Prefect's own: the last log lines are sent before the server goes.
        atexit.register(_stop, process)
        try:
            _wait_until_healthy(process, url)
        except _ServerFailedError:
            log.seek(0)
            raise UserError(_reason(log.read().decode(errors="replace"))) from None
        except BaseException:
            _stop(process)
            raise
    return url


class _ServerFailedError(Exception):
    """The server's process has ended, or does not answer in time."""


def _wait_until_healthy(process: "subprocess.Popen[bytes]", url: str) -> None:
    end = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < end and process.poll() is None:
            try:
                if client.get(f"{url}/health", timeout=5).is_success:
                    return
            except httpx.TransportError:
                pass  # not yet
            time.sleep(0.05)
    raise _ServerFailedError


def _reason(log: str) -> str:
    """Why the server did not start, from its log, and what to do."""
    home = get_current_settings().home
    start = "The temporary Prefect server does not start: "
    if "Can't locate revision" in log:
        return (
            f"{start}the database in {home} was made by a newer Prefect. Set PREFECT_HOME to "
            "another folder, or install that version."
        )
    errors = re.findall(r"^\S*(?:Error|Exception)\b.*$", log, flags=re.MULTILINE)
    last = errors[-1] if errors else f"no answer within {START_SECONDS:.0f} s"
    return f"{start}{last}. Its home is {home} (PREFECT_HOME)."


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
