"""A Prefect server: ``python -m tasks.orchestration.server_process FD PID``.

It serves the API on the listening socket FD that it inherits. It ends when the process PID that
started it is gone, however that one ended; with PID 0 it serves until it is stopped.
"""

import gc
import os
import signal
import sys
import threading
import time

from tasks.orchestration.new_database import copy_new_database

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

    gc.freeze()
    gc.enable()
    uvicorn.run(create_app, factory=True, fd=socket_fd, log_level="error", lifespan="on")


def _end_with(parent: int) -> None:
    """Once the parent is gone, let the server record what it has received, then end it."""
    while os.getppid() == parent:
        time.sleep(CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)  # SQLite survives it, and nobody is left to wait for


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
