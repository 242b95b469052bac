"""Inspecting as a user does: the command line in a process of its own."""

from pathlib import Path

import pytest

from tests.support.command_line import command
from vitrina.demo.catalog import draw_catalog

pytestmark = pytest.mark.slow


def test_the_command_needs_neither_prefect_nor_torch(tmp_path: Path) -> None:
    """It answers in a second, and its file is one that the pipeline takes."""
    draw_catalog(tmp_path, products=20, seed=3)
    done = command(
        "inspect_catalog.py",
        *(tmp_path / "catalog.parquet", "--images", tmp_path / "images"),
        *("--yaml", tmp_path / "shop.yaml"),
        python=("-X", "importtime"),
    )
    assert done.returncode == 0, done.stderr
    assert "Images: by pattern {nm}.jpg" in done.stdout
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert {"pyarrow", "yaml"} <= imported
    assert imported.isdisjoint({"prefect", "torch"})
    # The file is right: what is refused is the output, the last of all that is checked.
    refused = command("pipeline.py", "--config", tmp_path / "shop.yaml", "--output", "/proc/none")
    assert refused.returncode == 2
    assert "/proc/none" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("absent.csv",), "absent.csv does not exist"),
        (("shop.csv", "--images", "absent"), "absent does not exist"),
        (("shop.csv", "--rows", "0"), "--rows"),
        (("shop.csv",), "no column looks like titles"),
    ],
)
def test_mistakes_end_with_a_line(
    arguments: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with exit code 2."""
    monkeypatch.chdir(tmp_path)
    Path("shop.csv").write_text("nm,price\n1,2\n")
    done = command("inspect_catalog.py", *arguments)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
