"""Start a training in this process, in several processes of this machine, or on Ray workers."""

import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from vitrina.errors import UserError
from vitrina.execution.cpu_count import cpu_count
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.training.distributed import LostProcessError
from vitrina.training.job import run_job
from vitrina.training.processes import ray_workers, torchrun
from vitrina.training.request import TrainingRequest

logger = logging.getLogger(__name__)


def launch(request: TrainingRequest, on_step: OnProgress = no_progress) -> None:
    """Run the training to its end; its error is raised here.

    ``config.processes`` processes share each batch: started by torchrun on this machine, or as
    workers of the Ray cluster. A single process, this one, calls ``on_step``; several show a
    progress bar of their own.
    """
    if request.config.processes == 1:
        run_job(request, on_step)
    elif request.config.launcher == "ray":
        ray_workers.launch(request)
    else:
        launch_torchrun(request)


def launch_torchrun(request: TrainingRequest) -> None:
    """Run the training in ``config.processes`` processes of this machine.

    Raises UserError if a process does, and LostProcessError if one ends in any other way.
    """
    with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch:
        file, error = Path(scratch) / "request.json", Path(scratch) / "error.txt"
        file.write_text(request.model_dump_json(), encoding="utf-8")
        cores = max(1, cpu_count() // request.config.processes)
        command = [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", str(request.config.processes)),
            *("-m", torchrun.__name__, str(file)),
        ]
        threads = os.environ.get("OMP_NUM_THREADS", str(cores))
        environment = {**os.environ, torchrun.ERROR_FILE: str(error), "OMP_NUM_THREADS": threads}
        code = _wait(subprocess.Popen(command, env=environment))
        if error.exists():
            raise UserError(error.read_text(encoding="utf-8"))
        if code:
            raise LostProcessError(
                f"A training process ended with exit code {code}; its log says why."
            )


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """The exit code. At an interrupt the processes are told to save and end, and waited for."""
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
