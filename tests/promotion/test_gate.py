"""The gate: promotions, their history, roll-backs and races, on a folder and in a bucket."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from upath import UPath

from tasks.promote import promote
from tests.support.shop import draw_shop, tiny_model
from vitrina.config import EvaluateConfig, GateConfig, TrainConfig
from vitrina.errors import UserError
from vitrina.promotion import history as promotions
from vitrina.promotion.gate import decide, embedding_model, promote_if_better
from vitrina.promotion.history import current_model, read_history, roll_back
from vitrina.results import ModelResult, PromoteResult
from vitrina.store.artifacts import Store
from vitrina.store.files import create_bytes, listing, read_bytes, write_bytes
from vitrina.store.paths import to_path

GATE = GateConfig(metric="mean_recall_at_1", margin=0.02)
DETAILS = {"table": "fp", "split": {"seed": 0}}


@pytest.fixture
def store(place: UPath) -> Store:
    """A store on this machine, and one in a bucket."""
    return Store(root=str(place))


@pytest.fixture
def model(tmp_path: Path) -> Callable[[str], ModelResult]:
    """Make a folder with a ruCLIP's three files, named by what its figures shall be."""

    def make(name: str) -> ModelResult:
        folder = to_path(tmp_path / name)
        for file in ("config.json", "bpe.model", "pytorch_model.bin"):
            write_bytes(folder / file, f"{file} of {name}".encode())
        return ModelResult(folder=str(folder), fingerprint=name)

    return make


def recall(model: ModelResult) -> dict[str, float]:
    """A model called x40 has a recall of 0.40."""
    return {"mean_recall_at_1": int(model.fingerprint[-2:]) / 100}


def gate(store: Store, base: ModelResult, candidate: ModelResult) -> PromoteResult:
    return promote_if_better(base, candidate, store, GATE, recall, DETAILS)


def test_a_better_model_becomes_the_present_one(
    store: Store, model: Callable[[str], ModelResult]
) -> None:
    """It is copied, recorded with its figures, named in models/current, and embeds."""
    base, new = model("base10"), model("new40")
    result = gate(store, base, new)
    assert result.promoted
    assert (result.candidate, result.current) == (0.4, 0.1)
    assert result.model == current_model(store)
    folder = to_path(result.model.folder)
    assert (folder / "pytorch_model.bin").read_bytes() == b"pytorch_model.bin of new40"
    pointer = json.loads((store.path / "models" / "current").read_text())
    assert pointer == {"folder": str(folder), "fingerprint": "new40"}
    (record,) = read_history(store).records
    assert record.details == {
        **DETAILS,
        "metric": "mean_recall_at_1",
        "candidate": 0.4,
        "current": 0.1,
    }


@pytest.mark.parametrize("name", ["worse05", "equal10", "hardly11"])
def test_a_model_that_is_not_better_by_the_margin_is_not_promoted(
    store: Store, model: Callable[[str], ModelResult], name: str
) -> None:
    """The base model goes on embedding, and the reason says by how much it was missed."""
    base = model("base10")
    result = gate(store, base, model(name))
    assert not result.promoted
    assert result.model == base
    assert "does not beat the present model's 0.1000 by more than 0.02" in result.reason
    assert current_model(store) is None
    assert not read_history(store).records


def test_the_present_model_must_be_beaten_not_the_base(
    store: Store, model: Callable[[str], ModelResult]
) -> None:
    """After a promotion, a model between base and present stays out."""
    base = model("base10")
    gate(store, base, model("first40"))
    result = gate(store, base, model("second30"))
    assert not result.promoted
    assert result.current == 0.4
    assert result.model.fingerprint == "first40"


def test_cleaning_up_a_training_takes_no_promoted_model(
    store: Store, model: Callable[[str], ModelResult]
) -> None:
    """The present model is a copy of its own."""
    new = model("new40")
    gate(store, model("base10"), new)
    for file in to_path(new.folder).iterdir():
        file.unlink()
    present = current_model(store)
    assert present is not None
    assert (to_path(present.folder) / "config.json").exists()


def test_a_base_that_stays_present_is_where_it_lies_now(
    store: Store, model: Callable[[str], ModelResult]
) -> None:
    """A stored result names the base's folder of another machine or cache."""
    base, kept = model("base40"), gate(store, model("base40"), model("new10"))
    elsewhere = base.model_copy(update={"folder": "/another/cache/base40"})
    assert embedding_model(kept, elsewhere) == elsewhere
    promoted = gate(store, base, model("new50"))
    assert embedding_model(promoted, elsewhere) == promoted.model


def test_rolling_back_goes_one_promotion_further_each_time(
    store: Store, model: Callable[[str], ModelResult]
) -> None:
    """Present, the one before, the one before that, the base model, and then an error."""
    base = model("base10")
    for name in ("a20", "b30", "c40"):
        gate(store, base, model(name))
    assert [one.fingerprint if one else None for one in _roll_back_thrice(store)] == [
        "b30",
        "a20",
        None,
    ]
    assert not (store.path / "models" / "current").exists()
    with pytest.raises(UserError, match="nothing to go back to"):
        roll_back(store)
    assert [one.action for one in read_history(store).records] == ["promotion"] * 3 + [
        "roll-back"
    ] * 3


def _roll_back_thrice(store: Store) -> list[ModelResult | None]:
    return [roll_back(store) for _ in range(3)]


def test_a_model_that_was_rolled_back_does_not_come_back_by_itself(
    store: Store, model: Callable[[str], ModelResult]
) -> None:
    """The next night's run finds it better again, and leaves the decision of a person alone."""
    base, bad = model("base10"), model("bad40")
    gate(store, base, bad)
    roll_back(store)
    result = gate(store, base, bad)
    assert not result.promoted
    assert "rolled back" in result.reason
    assert result.model == base
    assert gate(store, base, model("good50")).promoted


def test_runs_at_once_end_with_one_history_and_the_best_model(
    store: Store, model: Callable[[str], ModelResult]
) -> None:
    """Eight gates at the same instant: each took its turn, the best model is present."""
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
    present = current_model(store)
    assert present is not None
    assert present.fingerprint == "new50"
    recalls = [int(record.fingerprint[-2:]) for record in history.records]
    assert recalls == sorted(recalls), "each promotion was over the one before it"
    assert sum(result.promoted for result in results) == len(history.records)


def test_a_lost_race_is_decided_again(
    store: Store, model: Callable[[str], ModelResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A better model promoted between the look and the leap wins; the slower one is not taken."""
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
    assert result.current == 0.6
    assert result.model.fingerprint == "faster60"
    assert len(read_history(store).records) == 1


def test_a_file_is_created_once(place: UPath) -> None:
    """Of many writers of one name exactly one succeeds, and its content is there whole."""
    contents = [f"writer {number}".encode() * 1_000 for number in range(8)]
    start = threading.Barrier(len(contents))
    won: list[bytes] = []

    def write(content: bytes) -> None:
        start.wait()
        if create_bytes(place / "000001.json", content):
            won.append(content)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [read_bytes(place / "000001.json")]
    assert list(dict(listing(place))) == ["000001.json"]


def test_the_margin_is_in_the_decision() -> None:
    """Better by more than the margin; -1 takes any model, 0 wants it strictly better."""
    figures = [{"mean_recall_at_1": value} for value in (0.5, 0.51, 0.2)]
    assert decide(figures[1], figures[0], GateConfig(margin=0))[0]
    assert not decide(figures[0], figures[0], GateConfig(margin=0))[0]
    assert not decide(figures[1], figures[0], GateConfig(margin=0.02))[0]
    assert decide(figures[2], figures[0], GateConfig(margin=-1))[0]


def test_the_task_measures_both_and_a_second_run_ends_cached(tmp_path: Path) -> None:
    """With real models: the first run decides, the second finds it decided and measures nothing."""
    table = draw_shop(tmp_path / "images", rows=40)
    table.to_parquet(tmp_path / "table.parquet")
    base, candidate = (tiny_model(tmp_path / f"m{seed}", table, seed) for seed in (0, 1))
    arguments = (str(tmp_path / "table.parquet"), "fp", base, candidate)
    store = Store(root=str(tmp_path / "store"))
    config = EvaluateConfig(device="cpu", templates="single", probe_rows=0)
    rest = (store, config, TrainConfig(test_fraction=0.4))
    kept = promote.fn(*arguments, *rest, GateConfig(margin=1))
    assert not kept.promoted
    assert kept.model == base
    assert promote.fn(*arguments, *rest, GateConfig(margin=1)).name == "Cached"
    taken = promote.fn(*arguments, *rest, GateConfig(margin=-1))
    assert taken.promoted
    assert taken.model.fingerprint == candidate.fingerprint
    again = promote.fn(*arguments, *rest, GateConfig(margin=-1))
    assert again.name == "Cached"
    assert again.data.model == taken.model
    assert again.data.candidate == taken.candidate
