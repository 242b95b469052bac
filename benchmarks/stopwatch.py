"""The pipeline's command with a stopwatch in each task: the stages' own work apart from Prefect's.

python -m benchmarks.stopwatch RESULT.json --output folder …   (as python flows/pipeline.py)

Requests for artifacts (progress, tables, images in the UI) are Prefect's, though tasks make them.
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
from typing import Any

PREFECTS_OWN = (
    "create_image_artifact",
    "create_markdown_artifact",
    "create_progress_artifact",
    "create_table_artifact",
    "update_progress_artifact",
)
UI = "artifacts of the UI"


@dataclass(frozen=True)
class Timed:
    """Seconds of a run of the command: all of it, before and after the flow, each task's own."""

    whole: float
    starting: float
    stopping: float
    own: dict[str, float]

    @property
    def work(self) -> float:
        """What the stages did themselves."""
        return sum(seconds for name, seconds in self.own.items() if name != UI) - self.own[UI]

    @property
    def overhead(self) -> float:
        """All the rest: Python, imports, Prefect's server, its tasks and artifacts."""
        return self.whole - self.work


def run_pipeline(arguments: Sequence[str], home: Path) -> Timed:
    """Run the pipeline as a user does, Prefect's files in ``home``; a failed run is raised."""
    result = home / "stopwatch.json"
    home.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PREFECT_HOME": str(home), "WANDB_MODE": "disabled"}
    environment.pop("PREFECT_API_URL", None)  # the run brings its own server
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
        raise RuntimeError(f"the pipeline ended with {ran.returncode}:\n{ran.stdout}")
    found = json.loads(result.read_text(encoding="utf-8"))
    return Timed(end - begin, found["started"] - begin, end - found["ended"], found["own"])


def _watched(work: Callable[..., Any], name: str, seconds: dict[str, float]) -> Callable[..., Any]:
    @functools.wraps(work)
    def timed(*arguments: Any, **options: Any) -> Any:
        begin = time.perf_counter()
        try:
            return work(*arguments, **options)
        finally:
            seconds[name] += time.perf_counter() - begin

    return timed


def main(result: Path, arguments: Sequence[str]) -> None:
    """Run the flow in this process and write what the stopwatches show."""
    from prefect import Task

    from flows import cli, pipeline
    from tasks.orchestration import prefect_ui as artifacts
    from vitrina.config import PipelineConfig

    seconds: dict[str, float] = defaultdict(float, {UI: 0.0})
    for task in [one for one in vars(pipeline).values() if isinstance(one, Task)]:
        task.fn = _watched(task.fn, task.name, seconds)
    for name in PREFECTS_OWN:
        setattr(artifacts, name, _watched(getattr(artifacts, name), UI, seconds))
    config = cli.parse(PipelineConfig, pipeline.__doc__, arguments, pipeline.DEMO)
    started = time.monotonic()  # on Linux the same clock as the caller's
    cli.run(pipeline.pipeline, config, pipeline.check)
    found = {"started": started, "ended": time.monotonic(), "own": seconds}
    result.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
