"""Serving and searching by an exported model where torch cannot be imported, as users do."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.onnx_export.test_session import WITHOUT_TORCH
from tests.support.command_line import command
from tests.support.processes import ROOT, eventually, running
from tests.support.searched_run import SearchedRun, embed_again, embedded_run
from tests.support.shop import tiny_model
from vitrina.search.run import open_run
from vitrina.store.paths import to_path

pytestmark = pytest.mark.slow


def without_torch(*arguments: str) -> list[str]:
    """The command ``vitrina`` in a Python in which torch and Prefect cannot be imported."""
    program = f"{WITHOUT_TORCH}\nfrom flows.main import main\nmain({list(arguments)!r})"
    return [sys.executable, "-c", program]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SearchedRun:
    """A run, and its model exported beside the output by the command."""
    folder = tmp_path_factory.mktemp("served")
    shop = embedded_run(to_path(folder / "output"), folder)
    export(shop)
    return shop


def export(shop: SearchedRun) -> None:
    """Export the model of the latest run."""
    options = ("--output", shop.store.root, "--onnx_path", onnx(shop), "--check_rows", 20)
    done = command("export_onnx.py", *options)
    assert done.returncode == 0, done.stderr
    assert f"{shop.model.fingerprint} exported: {onnx(shop)}" in done.stdout
    assert done.stderr == ""


def onnx(shop: SearchedRun) -> str:
    """The folder of the export."""
    return f"{shop.store.path.parent}/onnx"


@pytest.fixture
def served(shop: SearchedRun, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a server without torch."""
    log = tmp_path / "serve.log"
    options = ("--output", shop.store.root, "--onnx", onnx(shop), "--port", "0")
    line = without_torch("serve", *options, "--poll_seconds", "0.3")
    with running(line, dict(os.environ), log):
        found = eventually(lambda: re.search(r"http://\S+", log.read_text()), 60, str(log))
        with httpx.Client(base_url=found[0], timeout=30, trust_env=False) as client:
            yield client


def test_a_run_is_served_and_a_new_model_taken_up(shop: SearchedRun, served: httpx.Client) -> None:
    """Texts, photos and vectors; a new run is waited for until its model is exported, too."""
    run = open_run(shop.store.root, "cpu")
    photo = Path(shop.rows["image_path"][3]).read_bytes()
    texts = served.get("/search", params={"q": "красная кружка", "top": 5}).raise_for_status()
    expected = [hit.nm for hit in run.search("красная кружка", k=5)]
    assert [one["nm"] for one in texts.json()["listings"]] == expected
    images = served.post("/search", params={"by": "image"}, content=photo).raise_for_status()
    assert images.json()["listings"][0]["score"] > 0.9999
    model = tiny_model(Path(shop.store.path.parent.path) / "other", shop.rows, 1)
    newer = embed_again(shop.store, shop.rows, model)
    first = texts.json()["run"]
    for _ in range(3):
        again = served.get("/search", params={"q": "ваза"}).raise_for_status()
        assert again.json()["run"] == first
    export(newer)
    key = to_path(newer.result.npz).parent.name
    eventually(lambda: served.get("/healthz").json()["run"] == key, 90, "the new run is served")


def test_the_command_searches_without_torch(tmp_path: Path) -> None:
    """As the model itself does."""
    shop = embedded_run(to_path(tmp_path / "output"), tmp_path)
    export(shop)
    options = ("--output", shop.store.root, "--json", "--top", "3", "--onnx", onnx(shop))
    line = without_torch("search", "синяя ваза", *options)
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    hits = open_run(shop.store.root, "cpu").search("синяя ваза", k=3)
    assert [json.loads(one)["nm"] for one in done.stdout.splitlines()] == [hit.nm for hit in hits]


def test_the_export_of_another_model_is_refused(tmp_path: Path, shop: SearchedRun) -> None:
    """By a line that names both."""
    other = embedded_run(to_path(tmp_path / "output"), tmp_path, shop.rows.iloc[:10])
    options = ("--output", other.store.root, "--onnx", onnx(shop))
    refused = command("search.py", "ваза", *options)
    assert refused.returncode == 2
    assert f"the run was embedded by {other.model.fingerprint}" in refused.stderr
    assert refused.stderr.count("\n") == 1
