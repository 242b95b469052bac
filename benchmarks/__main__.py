"""Run the benchmarks one after another and write docs/benchmarks.md from what they find.

make bench                                  all of them, about forty minutes on two cores
python -m benchmarks --only resize embed    these; the rest keep their last results
python -m benchmarks --render               measure nothing, write the page anew
python -m benchmarks --quick                tiny loads, to try it all; the figures mean nothing
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
from benchmarks.topics import Topic, chosen

ROOT = Path(__file__).resolve().parents[1]
QUICK_NOTE = "Tiny loads, to try the benchmarks themselves: these figures mean nothing."


def run(topic: Topic, options: list[str]) -> Result | None:
    """What the benchmark finds in a process of its own; None if it fails."""
    words = ["python", "-m", f"benchmarks.{topic.name}", *options]
    print(f"\n=== {topic.title}: {shlex.join(words)}", flush=True)
    busy, started, begin = os.getloadavg()[0], datetime.now(UTC), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        file = Path(scratch) / "findings.json"
        command = [sys.executable, *words[1:], "--json", str(file)]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            return None
        findings = Findings.model_validate_json(file.read_bytes())
    return Result(
        topic=topic.name,
        command=shlex.join(words),
        measured=started,
        seconds=time.perf_counter() - begin,
        load_before=busy,
        machine=this_machine(),
        findings=findings,
    )


def main(
    only: tuple[str, ...] = (),
    quick: bool = False,
    render: bool = False,
    docs: Path | None = None,
) -> None:
    """Measure, keep the results, write the page.

    Args:
        only: Names of benchmarks; none are all.
        quick: Tiny loads. The page goes to output/quick-benchmarks unless --docs is given.
        render: Only write the page, from the results that are there.
        docs: Folder of benchmarks.md and of benchmarks/ with results and plots.
    """
    folder = docs or ROOT / ("output/quick-benchmarks" if quick else "docs")
    try:
        topics = [] if render else chosen(only)
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
        sys.exit(f"failed, so their last results stay: {', '.join(failed)}")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
