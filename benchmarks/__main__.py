"""Run the benchmarks one after another and write docs/benchmarks.md from their results.

make bench                                  all of them, about forty minutes on two cores
python -m benchmarks --only resize embed    only these; the others keep their last results
python -m benchmarks --render               only write the page from the stored results
python -m benchmarks --quick                tiny workloads to test the benchmarks themselves
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import tyro

from benchmarks.machine import this_machine
from benchmarks.page import IMAGES, write_page
from benchmarks.results import Findings, Result, read_results, write_result
from benchmarks.topics import Topic, select_topics

ROOT = Path(__file__).resolve().parents[1]
QUICK_NOTE = "Tiny workloads that test the benchmarks themselves: these figures mean nothing."


def run(topic: Topic, options: list[str]) -> Result | None:
    """The result of a benchmark, run in its own process; None if it fails."""
    command = ["python", "-m", f"benchmarks.{topic.name}", *options]
    print(f"\n=== {topic.title}: {shlex.join(command)}", flush=True)
    load, started, begin = os.getloadavg()[0], datetime.now(UTC), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        file = Path(scratch) / "findings.json"
        arguments = [sys.executable, *command[1:], "--json", str(file)]
        if subprocess.run(arguments, cwd=ROOT, check=False).returncode:
            return None
        findings = Findings.model_validate_json(file.read_bytes())
    return Result(
        topic=topic.name,
        command=shlex.join(command),
        measured=started,
        seconds=time.perf_counter() - begin,
        load_before=load,
        machine=this_machine(),
        findings=findings,
    )


def main(
    only: tuple[str, ...] = (),
    quick: bool = False,
    render: bool = False,
    docs: Path | None = None,
) -> None:
    """Run the benchmarks, store their results and write the page.

    Args:
        only: Names of benchmarks; all by default.
        quick: Tiny workloads. The page goes to output/quick-benchmarks unless --docs is given.
        render: Only write the page, from the stored results.
        docs: Folder for benchmarks.md and for benchmarks/ with results and plots.
    """
    folder = docs or ROOT / ("output/quick-benchmarks" if quick else "docs")
    try:
        topics = [] if render else select_topics(only)
    except ValueError as error:
        sys.exit(f"error: {error}")
    failed = []
    for topic in topics:
        result = run(topic, list(topic.quick) if quick else [])
        if result is None:
            failed.append(topic.name)
        else:
            write_result(result, folder / IMAGES)
    page = write_page(read_results(folder / IMAGES), folder, QUICK_NOTE if quick else "")
    print(f"\n{page}")
    if failed:
        sys.exit(f"error: failed, and their last results are kept: {', '.join(failed)}")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
