"""The gate: which model becomes the current one, also when runs race, on a folder and a bucket."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from upath import UPath

from tests.support.comparison import comparison
from tests.support.model_files import model_files
from vitrina.config.evaluation import GateConfig
from vitrina.promotion import history as promotions
from vitrina.promotion.gate import active_result, at_present_path, promote_if_better
from vitrina.promotion.history import (
    Change,
    append,
    current_model,
    keep,
    read_history,
    roll_back,
)
from vitrina.results import Comparison, ModelResult, PromoteResult
from vitrina.store.artifacts import Store
from vitrina.store.paths import to_path

GATE = GateConfig(metric="mean_recall_at_1", margin=0.02)
DETAILS = {"table": "fp", "split": {"seed": 0}}

MakeModel = Callable[[str], ModelResult]


@pytest.fixture
def store(place: UPath) -> Store:
    """A store on this machine, and one in a bucket."""
    return Store(root=str(place))


@pytest.fixture
def model(tmp_path: Path) -> MakeModel:
    """Make a model folder; the last two digits of its name are its recall in percent."""
    return lambda name: model_files(tmp_path, name)


def recall(model: ModelResult) -> float:
    """A model called x40 has a recall of 0.40."""
    return int(model.fingerprint[-2:]) / 100


def compared(candidate: ModelResult, current: ModelResult) -> Comparison:
    """The difference of two recalls, known to ±0.005."""
    new, old = recall(candidate), recall(current)
    gain = new - old
    return comparison(candidate=new, current=old, gain=gain, interval=(gain - 0.005, gain + 0.005))


def gate(store: Store, base: ModelResult, candidate: ModelResult) -> PromoteResult:
    return promote_if_better(base, candidate, store, GATE, compared, DETAILS)


def test_a_better_model_becomes_the_current_one(store: Store, model: MakeModel) -> None:
    """It is copied, recorded with its metrics, named in models/current, and embeds."""
    base, new = model("base10"), model("new40")
    result = gate(store, base, new)
    assert result.promoted
    assert (result.comparison.candidate, result.comparison.current) == (0.4, 0.1)
    assert (result.model, result.other) == (current_model(store), base)
    folder = to_path(result.model.folder)
    assert (folder / "pytorch_model.bin").read_bytes() == b"pytorch_model.bin of new40"
    pointer = json.loads((store.path / "models" / "current").read_text())
    assert pointer == {"folder": str(folder), "fingerprint": "new40"}
    (record,) = read_history(store).records
    assert Comparison.model_validate(record.details["comparison"]) == result.comparison
    assert record.details["replaced"] == "base10"
    assert record.details.items() >= DETAILS.items()


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("worse05", "declined"), ("hardly11", "declined"), ("unclear12", "cannot tell")],
)
def test_a_model_that_is_not_surely_better_by_the_margin_is_not_promoted(
    store: Store, model: MakeModel, name: str, verdict: str
) -> None:
    """The base model goes on embedding, and the reason gives both metrics and the margin."""
    base, new = model("base10"), model(name)
    result = gate(store, base, new)
    assert result.verdict == verdict
    assert not result.promoted
    assert (result.model, result.other) == (base, new)
    assert result.reason.startswith(f"mean recall at 1 0.1000 → {recall(new):.4f}")
    assert "; gate.margin is 0.02" in result.reason
    assert current_model(store) is None
    assert not read_history(store).records


def test_the_current_model_must_be_beaten_not_the_base(store: Store, model: MakeModel) -> None:
    """After a promotion, a model between the base and the current one is not promoted."""
    base = model("base10")
    gate(store, base, model("first40"))
    result = gate(store, base, model("second30"))
    assert not result.promoted
    assert result.comparison.current == 0.4
    assert result.model.fingerprint == "first40"


def test_cleaning_up_a_training_keeps_the_promoted_model(store: Store, model: MakeModel) -> None:
    """The current model is a copy of its own."""
    new = model("new40")
    gate(store, model("base10"), new)
    for file in to_path(new.folder).iterdir():
        file.unlink()
    current = current_model(store)
    assert current is not None
    assert (to_path(current.folder) / "config.json").exists()


def test_a_base_that_stays_current_is_where_it_is_now(store: Store, model: MakeModel) -> None:
    """A stored result names the base's folder on another machine or in another cache."""
    base, kept = model("base40"), gate(store, model("base40"), model("new10"))
    elsewhere = base.model_copy(update={"folder": "/another/cache/base40"})
    assert at_present_path(kept, elsewhere) == kept.model_copy(update={"model": elsewhere})
    promoted = gate(store, base, model("new50"))
    assert at_present_path(promoted, elsewhere) == promoted.model_copy(update={"other": elsewhere})


def test_a_model_that_was_rolled_back_is_not_promoted_again(store: Store, model: MakeModel) -> None:
    """The next night's run finds it better again, and leaves the decision to a person."""
    base, bad = model("base10"), model("bad40")
    gate(store, base, bad)
    roll_back(store)
    result = gate(store, base, bad)
    assert not result.promoted
    assert "rolled back" in result.reason
    assert result.model == base
    assert gate(store, base, model("good50")).promoted


def test_runs_at_once_end_with_one_history_and_the_best_model(
    store: Store, model: MakeModel
) -> None:
    """Eight gates at the same instant: one promotes at a time, and the best model is current."""
    base = model("base10")
    candidates = [model(f"new{recall}") for recall in (15, 20, 25, 30, 35, 40, 45, 50)]
    start = threading.Barrier(len(candidates))
    results: list[PromoteResult] = []

    def one(candidate: ModelResult) -> None:
        start.wait()
        results.append(gate(store, base, candidate))

    threads = [threading.Thread(target=one, args=(candidate,)) for candidate in candidates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(candidates)
    history = read_history(store)
    current = current_model(store)
    assert current is not None
    assert current.fingerprint == "new50"
    recalls = [int(record.fingerprint[-2:]) for record in history.records]
    assert recalls == sorted(recalls), "each promotion was over the one before it"
    assert sum(result.promoted for result in results) == len(history.records)


def test_a_lost_race_is_decided_again(
    store: Store, model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A better model promoted between the comparison and the record wins over the slower one."""
    base = model("base10")
    faster = model("faster60")
    real, raced = promotions.keep, []

    def overtaken(store: Store, candidate: ModelResult) -> ModelResult:
        if not raced:
            raced.append(1)
            assert gate(store, base, faster).promoted
        return real(store, candidate)

    monkeypatch.setattr("vitrina.promotion.gate.keep", overtaken)
    result = gate(store, base, model("slower40"))
    assert not result.promoted
    assert result.comparison.current == 0.6
    assert result.model.fingerprint == "faster60"
    assert len(read_history(store).records) == 1


def test_a_current_model_of_another_split_is_warned_of(
    store: Store, model: MakeModel, caplog: pytest.LogCaptureFixture
) -> None:
    """It may have been trained on rows that are held out now."""
    gate(store, model("base10"), model("new40"))
    gate(store, model("base10"), model("new50"))
    assert "another split" not in caplog.text
    other = DETAILS | {"split": {"seed": 1}}
    promote_if_better(model("base10"), model("new60"), store, GATE, compared, other)
    assert "was trained with another split" in caplog.text


def test_the_promotion_of_the_current_model_is_its_result(store: Store, model: MakeModel) -> None:
    """The same run again reports what it decided then; of any other model there is no result."""
    base, new = model("base10"), model("new40")
    promoted = gate(store, base, new)
    assert active_result(store, read_history(store), new, base) == promoted
    assert active_result(store, read_history(store), base, base) is None
    better = gate(store, base, model("better60"))
    assert active_result(store, read_history(store), model("better60"), base) == better
    assert better.other == promoted.model


def test_a_replaced_model_that_is_lost_is_stood_in_for_by_the_base(
    store: Store, model: MakeModel
) -> None:
    """An older base model was never kept: the report has another to show beside the current one."""
    gate(store, model("older10"), model("new40"))
    base = model("base20")
    active = active_result(store, read_history(store), model("new40"), base)
    assert active is not None
    assert active.other == base


def test_a_record_without_metrics_gives_no_result_and_is_decided_again(
    store: Store, model: MakeModel
) -> None:
    """A record of an older version, or one that was edited by hand, ends no run."""
    base, new = model("base10"), model("new40")
    older = {"metric": "mean_recall_at_1", "candidate_metric": 0.4, "current_metric": 0.1}
    change = Change(action="promotion", fingerprint="new40", reason="by hand", details=older)
    keep(store, new)
    append(store, read_history(store), change)
    assert active_result(store, read_history(store), new, base) is None
    result = gate(store, base, new)
    assert not result.promoted
    assert result.model == current_model(store)
