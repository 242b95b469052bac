"""The entry point of a process that torchrun starts, with the path of a JSON TrainingRequest.

:mod:`vitrina.training.processes.launch` runs it on one machine. For several machines, run the same
command on each, with the request's paths on S3 or a shared disk::

    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29500 \\
        -m vitrina.training.processes.torchrun s3://bucket/request.json
"""

import logging
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from vitrina.errors import UserError
from vitrina.execution.progress import no_progress, terminal_bar
from vitrina.store.files import read_bytes
from vitrina.store.paths import to_path
from vitrina.training.job import run_job
from vitrina.training.request import TrainingRequest

ERROR_FILE = "VITRINA_ERROR_FILE"


def main(arguments: list[str]) -> None:
    """Run the training whose request is in the file named by the only argument."""
    is_main = os.environ.get("RANK", "0") == "0"
    logging.basicConfig(level=logging.INFO if is_main else logging.WARNING)
    # At SIGTERM the training saves its last step before this process ends.
    signal.signal(signal.SIGTERM, _stop)
    try:
        request = TrainingRequest.model_validate_json(read_bytes(to_path(arguments[0])))
        with terminal_bar("train", "step") as bar:
            run_job(request, bar if is_main else no_progress)
    except UserError as error:
        if file := os.environ.get(ERROR_FILE):
            Path(file).write_text(str(error), encoding="utf-8")
        raise


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main(sys.argv[1:])
