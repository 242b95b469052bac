"""What runs: one flow and one command line a file."""

import logging

from tasks.orchestration.worker_pipe import outlive_worker

# A run says what its stages do, on a terminal and in the Prefect UI alike.
LOGGERS = ("vitrina", "tasks", "flows")
for name in LOGGERS:
    logging.getLogger(name).setLevel(logging.INFO)

outlive_worker()
