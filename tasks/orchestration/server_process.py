"""A temporary Prefect server: ``python -m tasks.orchestration.server_process FD PID``.

It serves the API on the listening socket FD that it inherits, and ends when the process PID that
started it is gone, however that one ended.
"""

import os
import signal
import sys
import threading
import time

import uvicorn

CHECK_SECONDS = 1.0


def main(socket_fd: int, parent: int) -> None:
    """Serve until the parent process stops this one, or is gone."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        fd=socket_fd,
        log_level="error",
        lifespan="on",
    )


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)  # SQLite survives it, and nobody is left to wait for


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
