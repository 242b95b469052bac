"""Start a training: in this process, on several of this machine, or on Ray's workers."""

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
from vitrina.training.train import TrainingRequest

logger = logging.getLogger(__name__)


def launch(request: TrainingRequest, on_step: OnProgress = no_progress) -> None:
    """Run the job to its end; what makes it fail is raised here.

    ``config.processes`` processes share each batch: on this machine as torchrun starts them, or
    as workers of the Ray cluster that this process is connected to. One alone tells ``on_step`` its
    steps; several have a bar of their own.
    """
    if request.config.processes == 1:
        run_job(request, on_step)
    elif request.config.launcher == "ray":
        ray_workers.launch(request)
    else:
        launch_here(request)


def launch_here(request: TrainingRequest) -> None:
    """Run the job in ``config.processes`` processes of this machine.

    Raises UserError as a process does, and LostProcessError when one dies of something else.
    """
    with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch:
        file, error = Path(scratch) / "job.json", Path(scratch) / "error.txt"
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
                f"A process of the training ended with exit code {code}; see its log."
            )


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """The exit code; if we are interrupted, the processes save what they have and end with us."""
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
