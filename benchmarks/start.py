"""Quick answers: how long a command takes that has nothing to compute.

python -m benchmarks.start
python -m benchmarks.start --rounds 1

Whole commands, as a user runs them: help, a refusal, and data_preprocessing.py where nothing is to
do: the first time in a new PREFECT_HOME, then with its database there, then with a kept server.
The plain way is a Prefect flow with one empty task, which starts Prefect's own temporary server, or
uses the kept one.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from json import loads
from pathlib import Path

import tyro

from benchmarks.results import Figure, Findings, bars, print_figures, write_findings
from tasks.orchestration.kept_server import RECORD
from vitrina.demo.catalog import draw_catalog

PRODUCTS = 40
PLAIN = """
from prefect import flow, task

@task
def nothing() -> None: pass

@flow
def empty() -> None: nothing()

empty()
"""


class Shell:
    """Runs commands with a Prefect home and a cache of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "prefect"

    def seconds(self, command: Sequence[str], expected: int = 0, api: str = "") -> float:
        """How long a command takes, with the Prefect server ``api`` if it names one.

        Raises RuntimeError unless it ends with the expected exit code.
        """
        environment = {
            **os.environ,
            "PREFECT_HOME": str(self.home),
            "VITRINA_CACHE": str(self.folder / "cache"),
            "WANDB_MODE": "disabled",
        }
        environment.pop("PREFECT_API_URL", None)
        if api:
            environment["PREFECT_API_URL"] = api
        begin = time.perf_counter()
        ran = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
        seconds = time.perf_counter() - begin
        if ran.returncode != expected:
            raise RuntimeError(f"{command} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
        return seconds


def preprocessing(folder: Path) -> list[str]:
    """The command that preprocesses the demo's catalogue."""
    shop = folder / "shop"
    return [
        *(sys.executable, "flows/data_preprocessing.py"),
        *("--file_path", str(shop / "catalog.parquet"), "--base_image_path", str(shop / "images")),
        *("--processed_data_path", str(folder / "processed")),
        *("--processed_images_path", str(folder / "resized")),
        *("--default_image_size", "64", "64"),
    ]


def measure(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of each command, in turns where they can take turns."""
    draw_catalog(folder / "shop", products=PRODUCTS)
    first, shell = Shell(folder / "first"), Shell(folder / "usual")
    work, server = preprocessing(folder), [sys.executable, "-m", "flows.main", "server"]
    plain = folder / "plain.py"
    plain.write_text(PLAIN, encoding="utf-8")
    shell.seconds(work)
    shell.seconds([sys.executable, str(plain)])
    found = {"first start, nothing to do": [first.seconds(work)]}
    alone: dict[str, Callable[[], float]] = {
        "Python alone": lambda: shell.seconds([sys.executable, "-c", "pass"]),
        "importing Prefect": lambda: shell.seconds([sys.executable, "-c", "import prefect.flows"]),
        "--help": lambda: shell.seconds([sys.executable, "flows/pipeline.py", "--help"]),
        "refusal": lambda: shell.seconds(
            [sys.executable, "flows/pipeline.py", "--catalog", "missing.parquet"], expected=2
        ),
        "nothing to do, no server": lambda: shell.seconds(work),
        "an empty flow of Prefect, no server": lambda: shell.seconds([sys.executable, str(plain)]),
    }
    _in_turns(alone, rounds, found)
    shell.seconds([*server, "start", "--port", "0"])
    kept = loads((shell.home / RECORD).read_text(encoding="utf-8"))
    with_server: dict[str, Callable[[], float]] = {
        "nothing to do, kept server": lambda: shell.seconds(work),
        "an empty flow of Prefect, kept server": lambda: shell.seconds(
            [sys.executable, str(plain)], api=kept["url"]
        ),
    }
    try:
        shell.seconds(work)
        _in_turns(with_server, rounds, found)
    finally:
        shell.seconds([*server, "stop"])
    return found


def _in_turns(
    commands: dict[str, Callable[[], float]], rounds: int, found: dict[str, list[float]]
) -> None:
    for _ in range(rounds):
        for name, run in commands.items():
            found.setdefault(name, []).append(run())


def findings(found: dict[str, list[float]]) -> Findings:
    """The seconds, their goals, and the comparison with Prefect alone."""
    goals = {
        "--help": 0.8,
        "refusal": 0.8,
        "nothing to do, kept server": 1.5,
        "nothing to do, no server": 4,
        "first start, nothing to do": 8,
    }
    return Findings(
        workload=f"data_preprocessing.py on {PRODUCTS} listings of the demo; whole commands, "
        "Python's start included.",
        figures=(
            *(
                Figure(name=name, values=tuple(found[name]), unit="s", at_most=goal)
                for name, goal in goals.items()
            ),
            *(
                Figure(
                    name=f"nothing to do, relative to an empty flow of Prefect, {server}",
                    values=_ratios(
                        found[f"nothing to do, {server}"],
                        found[f"an empty flow of Prefect, {server}"],
                    ),
                    at_most=1,
                )
                for server in ("no server", "kept server")
            ),
        ),
        bars=(bars("Time of a command", "s", found),),
    )


def _ratios(ours: Sequence[float], plain: Sequence[float]) -> tuple[float, ...]:
    return tuple(one / other for one, other in zip(ours, plain, strict=True))


def main(rounds: int = 5, json: Path | None = None) -> None:
    """Measure; the findings are written to ``json``."""
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        result = findings(measure(Path(scratch), rounds))
    print_figures(result)
    write_findings(result, json)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
