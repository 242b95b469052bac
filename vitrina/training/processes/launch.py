"""Start a training: in this process, on several of this machine, or on Ray's workers."""

import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from vitrina.errors import UserError
from vitrina.execution.progress import OnProgress, unheard
from vitrina.training.distributed import LostProcessError
from vitrina.training.job import Job, run_job
from vitrina.training.processes import ray_workers, torchrun

logger = logging.getLogger(__name__)


def launch(job: Job, on_step: OnProgress = unheard) -> None:
    """Run the job to its end; what makes it fail is raised here.

    ``config.processes`` processes share each batch: on this machine as torchrun starts them, or
    as workers of the Ray cluster that this process is connected to. One alone tells ``on_step`` its
    steps; several have a bar of their own.
    """
    if job.config.processes == 1:
        run_job(job, on_step)
    elif job.config.launcher == "ray":
        ray_workers.launch(job)
    else:
        launch_here(job)


def launch_here(job: Job) -> None:
    """Run the job in ``config.processes`` processes of this machine.

    Raises UserError as a process does, and LostProcessError when one dies of something else.
    """
    with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch:
        file, error = Path(scratch) / "job.json", Path(scratch) / "error.txt"
        file.write_text(job.model_dump_json(), encoding="utf-8")
        cores = max(1, (os.cpu_count() or 1) // job.config.processes)
        command = [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", str(job.config.processes)),
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
