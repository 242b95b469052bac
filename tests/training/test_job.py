"""What one process of a training does."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vitrina.catalog.split import split_rows
from vitrina.execution.progress import no_progress
from vitrina.store.paths import to_path
from vitrina.training import job
from vitrina.training.checkpoints import RunFolder
from vitrina.training.request import TrainingRequest

Requests = Callable[..., TrainingRequest]


def test_held_out_products_are_never_trained_on(
    request_for: Requests, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows that reach the training are the split's training rows, all of them."""
    seen: dict[str, set[int]] = {}
    original = job.fine_tune

    def watching(train: pd.DataFrame, held_out: pd.DataFrame, *rest: Any) -> Any:
        seen.update(train=set(train["nm"]), validation=set(held_out["nm"]))
        return original(train, held_out, *rest)

    monkeypatch.setattr(job, "fine_tune", watching)
    job.run_job(request_for(), no_progress)
    split = split_rows(table, 0.2, 0.2, 0)
    nm = table["nm"]
    assert seen == {name: set(nm[split == name]) for name in ("train", "validation")}
    assert all(seen.values())


def test_the_job_trains_reports_its_steps_and_writes_a_model_card(request_for: Requests) -> None:
    """The outcome is in state.json, the card beside the weights; every step is reported."""
    request, steps = request_for(), []
    job.run_job(request, lambda done, total: steps.append((done, total)))
    total = steps[-1][1]
    assert steps == [(step, total) for step in range(1, total + 1)]
    state = json.loads((Path(request.folder) / "state.json").read_text())
    assert state["key"] == request.key
    assert state["inputs"] == request.inputs
    assert state["progress"]["step"] == total
    card = (Path(request.folder) / "ruclip" / "README.md").read_text()
    assert "processed table t;" in card
    assert re.search(r"\| text → image: mrr \| \S+ \(\S+ to \S+\) \|", card)


def test_files_of_this_machine_stay_on_it(bucket: str, tmp_path: Path, cache: Path) -> None:
    """wandb's files go to a local run's folder, and of a run in a bucket to the user's cache."""
    local = RunFolder(to_path(tmp_path), "key", {})
    remote = RunFolder(to_path(f"{bucket}/out"), "key", {})
    assert job.local_folder(local) == tmp_path
    assert job.local_folder(remote) == cache / "runs" / "key"
