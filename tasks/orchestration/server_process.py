"""A Prefect server: ``python -m tasks.orchestration.server_process FD PID``.

It serves the API on the listening socket FD that it inherits. It ends when the process PID that
started it is gone, however that one ended; with PID 0 it serves until it is stopped.
"""

import gc
import os
import signal
import socket
import sys
import threading
import time
from typing import Any

from tasks.orchestration.new_database import (
    DATABASE,
    copy_new_database,
    is_complete,
    prefect_home,
)

CHECK_SECONDS = 1.0
STOP_SECONDS = 3.0


def main(socket_fd: int, parent: int) -> None:
    """Serve until the parent process stops this one, or is gone."""
    if parent:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    copy_new_database()
    gc.disable()  # while importing, it takes a fifth of the time
    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.settings import temporary_settings

    gc.freeze()
    gc.enable()
    # Not by its descriptor: uvicorn would take that for a Unix socket, and asyncio would not switch
    # off Nagle's algorithm, which holds up every other answer by 40 ms.
    listener = socket.socket(fileno=socket_fd)
    config = uvicorn.Config(create_app, factory=True, log_level="error", lifespan="on")
    with temporary_settings(set_defaults=_known() if parent else {}):
        uvicorn.Server(config).run(sockets=[listener])


def _known() -> dict[Any, bool]:
    """The settings by which a temporary server takes a database that is up to date as it is."""
    from prefect.settings import (
        PREFECT_API_BLOCKS_REGISTER_ON_START,
        PREFECT_API_DATABASE_CONNECTION_URL,
        PREFECT_API_DATABASE_MIGRATE_ON_START,
        PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION,
    )

    database = prefect_home() / DATABASE
    is_used = PREFECT_API_DATABASE_CONNECTION_URL.value() == f"sqlite+aiosqlite:///{database}"
    if not is_used or not is_complete(database):
        return {}
    return {
        PREFECT_API_DATABASE_MIGRATE_ON_START: False,
        PREFECT_API_BLOCKS_REGISTER_ON_START: False,
        PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION: False,  # or all block types are compared first
    }


def _end_with(parent: int) -> None:
    """Once the parent is gone, let the server record what it has received, then end it."""
    while os.getppid() == parent:
        time.sleep(CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)  # SQLite survives it, and nobody is left to wait for


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
