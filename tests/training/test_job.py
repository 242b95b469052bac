"""What one process of a training does."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.support.typed_queries import USE, cleaned_queries
from vitrina.catalog.queries.query_pairs import is_test_query
from vitrina.catalog.split import split_rows
from vitrina.config.queries import SearchQueries
from vitrina.execution.progress import no_progress
from vitrina.store.paths import to_path
from vitrina.training import job
from vitrina.training.checkpoints import RunFolder
from vitrina.training.data.queries import TrainingQueries
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


def test_the_job_learns_from_the_queries_of_its_training_rows(
    request_for: Requests, table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By id, whatever the split; held-out queries reach neither training nor validation."""
    cleaned_queries(table).to_parquet(tmp_path / "queries.parquet")
    use = USE.model_copy(update={"query_test_fraction": 0.3})
    searched = SearchQueries(path=str(tmp_path / "queries.parquet"), fingerprint="q", use=use)
    seen: list[TrainingQueries | None] = []
    original = job.fine_tune

    def watching(*arguments: Any) -> Any:
        seen.append(arguments[-1])
        return original(*arguments)

    monkeypatch.setattr(job, "fine_tune", watching)
    job.run_job(request_for().model_copy(update={"queries": searched}), no_progress)
    (queries,) = seen
    assert queries is not None
    split = split_rows(table, 0.2, 0.2, 0)
    trained = table[split == "train"]["title"].to_list()
    known = [text for text in queries.trained.texts if not is_test_query([text], use, 0)[0]]
    assert 0 < len(known) < len(queries.trained.texts)
    for part, titles in (
        (queries.trained, trained),
        (queries.held_out, table[split == "validation"]["title"].to_list()),
    ):
        assert len(part) > 0
        for query, row in zip(part.query, part.row, strict=True):
            assert part.texts[query] in titles[row].split()
            assert part.texts[query] in known


def test_queries_for_other_listings_are_told_and_left_out(
    request_for: Requests, table: pd.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing to learn from is no error: the titles are trained on."""
    cleaned_queries(table).assign(nm="unknown").to_parquet(tmp_path / "queries.parquet")
    searched = SearchQueries(path=str(tmp_path / "queries.parquet"), fingerprint="q", use=USE)
    caplog.set_level("INFO")
    job.run_job(request_for().model_copy(update={"queries": searched}), no_progress)
    assert "0 queries of 0 listings to learn from" in caplog.text


def test_files_of_this_machine_stay_on_it(bucket: str, tmp_path: Path, cache: Path) -> None:
    """wandb's files go to a local run's folder, and of a run in a bucket to the user's cache."""
    local = RunFolder(to_path(tmp_path), "key", {})
    remote = RunFolder(to_path(f"{bucket}/out"), "key", {})
    assert job.local_folder(local) == tmp_path
    assert job.local_folder(remote) == cache / "runs" / "key"
