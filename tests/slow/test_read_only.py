"""A store that cannot be written serves what it holds."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import command
from tests.support.processes import ROOT
from vitrina.demo.catalog import draw_catalog

# Without them, root too may only write where the permissions let it.
CAPABILITIES = "-dac_override,-dac_read_search,-fowner"
OPTIONS = ("--model", "tiny", "--train.num_epochs", "1", "--gate.margin", "-1")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[object, ...]]:
    """The arguments of a finished run, the last one its output, where nobody may write."""
    shop = tmp_path_factory.mktemp("shop")
    draw_catalog(shop, products=60, seed=3)
    inputs = ("--catalog", shop / "catalog.parquet", "--images", shop / "images")
    arguments = (*inputs, *OPTIONS, "--output", shop / "out")
    first = command("pipeline.py", *arguments)
    assert first.returncode == 0, first.stderr
    _chmod(shop / "out", 0o555, 0o444)
    yield arguments
    _chmod(shop / "out", 0o755, 0o644)


def _chmod(root: Path, folders: int, files: int) -> None:
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(folders if path.is_dir() else files)


def powerless(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """The pipeline, with no more rights than any user has."""
    prefix = []
    if os.getuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root without setpriv cannot give up its rights")
        prefix = ["setpriv", f"--bounding-set={CAPABILITIES}", "--inh-caps=-all"]
    script = [sys.executable, str(ROOT / "flows" / "pipeline.py"), *map(str, arguments)]
    return subprocess.run([*prefix, *script], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_run_in_which_everything_is_stored_writes_nothing(run: tuple[object, ...]) -> None:
    """Every stage is found, and the log says that nothing else could be computed."""
    done = powerless(*run)
    assert done.returncode == 0, done.stderr
    stages = [line for line in done.stderr.splitlines() if "Task run" in line]
    assert len(stages) == 12
    assert [line for line in stages if "Cached(" not in line] == []
    assert f"{run[-1]} cannot be written: Permission denied." in done.stderr


@pytest.mark.slow
def test_a_run_that_must_write_says_where_it_may_not(run: tuple[object, ...]) -> None:
    """The file is named, and the command ends with 2, without a traceback."""
    done = powerless(*run, "--train.lr", 1e-5)
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"error: {run[-1]}/train/")
    assert "denied" in last
    assert "Traceback" not in done.stderr
