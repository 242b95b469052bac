"""Start a Prefect server in a process of its own, without importing Prefect.

Prefect starts one by itself, but in the process group of the command: Ctrl-C in a terminal then
ends the server first, and the command waits for it for minutes. This one has a session of its own,
starts while the command imports Prefect, and says why it does not start.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import IO
from urllib.parse import urlsplit

from tasks.orchestration import server_process
from tasks.orchestration.new_database import prefect_home
from vitrina.errors import UserError

START_SECONDS = 120.0  # a first start on a busy machine makes the database
STOP_SECONDS = 5.0
QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    "DO_NOT_TRACK": "1",
}
TEMPORARY = {
    **QUIET,
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
    "PREFECT_UI_ENABLED": "0",
}


class ServerFailedError(Exception):
    """The server's process has ended, or does not answer in time."""


@dataclass(frozen=True)
class StartedServer:
    """A server's process, which may not answer yet."""

    process: "subprocess.Popen[bytes]"
    url: str  # of the API
    log: IO[bytes]

    def wait(self) -> str:
        """The address of the API, once it answers. Raises UserError saying why it does not."""
        try:
            _wait_until_healthy(self.process, self.url)
        except ServerFailedError:
            self.log.seek(0)
            raise UserError(_reason(self.log.read().decode(errors="replace"))) from None
        except BaseException:
            self.stop()
            raise
        return self.url

    def end(self) -> None:
        """Tell the server to end; it does so within seconds, whether or not anybody waits."""
        if self.process.poll() is None:
            self.process.terminate()

    def stop(self) -> None:
        """End the server and wait for it."""
        self.end()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_server(
    environment: Mapping[str, str] = TEMPORARY,
    *,
    port: int = 0,
    parent: int | None = None,
    log: IO[bytes] | None = None,
) -> StartedServer:
    """Start a server at a port of the loopback address, by default any that is free.

    It ends with the process ``parent``, by default this one; with 0 it stays. Raises OSError if the
    port is taken.
    """
    log = log or tempfile.TemporaryFile("w+b")  # noqa: SIM115 - closed with the process's end
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        fd = listener.fileno()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", server_process.__name__),
                *(str(fd), str(os.getpid() if parent is None else parent)),
            ],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[fd],
            start_new_session=True,
        )
        return StartedServer(process, f"http://127.0.0.1:{listener.getsockname()[1]}/api", log)


def is_healthy(url: str, seconds: float = 5.0) -> bool:
    """Whether a server answers at an API's address on this machine."""
    address = urlsplit(url)
    # Not by httpx, which takes a tenth of a second to import and to read the certificates of HTTPS.
    connection = HTTPConnection(str(address.hostname), address.port, timeout=seconds)
    try:
        connection.request("GET", f"{address.path}/health")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _wait_until_healthy(process: "subprocess.Popen[bytes]", url: str) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if is_healthy(url):
            return
        time.sleep(0.02)
    raise ServerFailedError


def _reason(log: str) -> str:
    """Why the server did not start, from its log, and what to do."""
    home = prefect_home()
    start = "The temporary Prefect server does not start: "
    if "Can't locate revision" in log:
        return (
            f"{start}the database in {home} was made by a newer Prefect. Set PREFECT_HOME to "
            "another folder, or install that version."
        )
    errors = re.findall(r"^\S*(?:Error|Exception)\b.*$", log, flags=re.MULTILINE)
    last = errors[-1] if errors else f"no answer within {START_SECONDS:.0f} s"
    return f"{start}{last}. Its home is {home} (PREFECT_HOME)."
