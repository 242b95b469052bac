"""The pipeline's command with a timer in each task, to tell the work of tasks from overhead.

python -m benchmarks.stopwatch RESULT.json --output folder …   (options of flows/pipeline.py)

Requests for UI artifacts (progress, tables, images) count as overhead of Prefect, although tasks
make them.
"""

import functools
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.orchestration.stage import StageTask

UI_REQUESTS = (
    "create_image_artifact",
    "create_markdown_artifact",
    "create_progress_artifact",
    "create_table_artifact",
    "update_progress_artifact",
)
UI = "artifacts for the UI"


@dataclass(frozen=True)
class PipelineTiming:
    """Seconds of one run of the command: in total, before and after the flow, and in each task."""

    total: float
    starting: float
    stopping: float
    by_task: dict[str, float]

    @property
    def work(self) -> float:
        """The work of the tasks, without UI artifacts."""
        return (
            sum(seconds for name, seconds in self.by_task.items() if name != UI) - self.by_task[UI]
        )

    @property
    def overhead(self) -> float:
        """The rest: Python, imports, Prefect's server, task runs and UI artifacts."""
        return self.total - self.work


def run_pipeline(arguments: Sequence[str], home: Path) -> PipelineTiming:
    """Run the pipeline as a user does, with PREFECT_HOME in ``home``.

    Raises RuntimeError if the run fails.
    """
    result = home / "stopwatch.json"
    home.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PREFECT_HOME": str(home), "WANDB_MODE": "disabled"}
    environment.pop("PREFECT_API_URL", None)  # the run starts its own server
    command = [sys.executable, "-m", "benchmarks.stopwatch", str(result), *arguments]
    begin = time.monotonic()
    ran = subprocess.run(
        command,
        env=environment,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    end = time.monotonic()
    if ran.returncode:
        raise RuntimeError(f"the pipeline ended with exit code {ran.returncode}:\n{ran.stdout}")
    found = json.loads(result.read_text(encoding="utf-8"))
    return PipelineTiming(
        end - begin, found["started"] - begin, end - found["ended"], found["by_task"]
    )


def _timed(work: Callable[..., Any], name: str, seconds: dict[str, float]) -> Callable[..., Any]:
    @functools.wraps(work)
    def timed(*arguments: Any, **options: Any) -> Any:
        begin = time.perf_counter()
        try:
            return work(*arguments, **options)
        finally:
            seconds[name] += time.perf_counter() - begin

    return timed


def stages_of(flow_module: ModuleType) -> "list[StageTask[Any, Any]]":
    """The stages that a flow's module calls."""
    from tasks.orchestration.stage import StageTask  # Prefect takes seconds to import

    return [value for value in vars(flow_module).values() if isinstance(value, StageTask)]


def main(result: Path, arguments: Sequence[str]) -> None:
    """Run the flow in this process and write the measured seconds."""
    from flows import cli, pipeline, run
    from flows.commands import pipeline as command
    from tasks.orchestration import prefect_ui as artifacts
    from vitrina.config.pipeline import PipelineConfig

    seconds: dict[str, float] = defaultdict(float, {UI: 0.0})
    for stage in stages_of(pipeline):
        stage.fn = _timed(stage.fn, stage.fn.__name__, seconds)
    for name in UI_REQUESTS:
        setattr(artifacts, name, _timed(getattr(artifacts, name), UI, seconds))
    config = cli.parse(PipelineConfig, command.__doc__, arguments, command.DEMO)
    started = time.monotonic()  # on Linux the same clock as the caller's
    run.run_flow(command.load, config, command.check)
    found = {"started": started, "ended": time.monotonic(), "by_task": seconds}
    result.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
