"""The stage "promote": what is decided, found in the store, and decided again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.promote import promote
from tests.support.measured_shop import CONFIG, MeasuredShop, measured_shop
from vitrina.config.evaluation import GateConfig
from vitrina.promotion.history import current_model, roll_back
from vitrina.results import PromoteResult
from vitrina.store.artifacts import Store
from vitrina.store.files import listing, remove
from vitrina.store.stage import StageOutcome

Run = Callable[[float], StageOutcome[PromoteResult]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> MeasuredShop:
    """A processed table with its images, and two models of random weights."""
    return measured_shop(tmp_path_factory.mktemp("shop"), rows=40)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(root=str(tmp_path))


@pytest.fixture
def run(shop: MeasuredShop, store: Store) -> Run:
    """Run the stage for the shop's second model with a margin; -1 promotes any model."""
    parameters = CONFIG.evaluate.model_copy(update={"probe_rows": 0})
    config = CONFIG.model_copy(update={"evaluate": parameters})

    def run(margin: float) -> StageOutcome[PromoteResult]:
        return promote.fn(shop.table, *shop.models, store, config, GateConfig(margin=margin))

    return run


def test_a_second_run_is_cached(run: Run, shop: MeasuredShop) -> None:
    """With real models: the first run decides, the second finds it decided."""
    base, candidate = shop.models
    kept = run(1)
    assert not kept.found_in
    assert not kept.result.promoted
    assert (kept.result.model, kept.result.other) == (base, candidate)
    assert run(1).found_in
    promoted = run(-1)
    assert not promoted.found_in
    assert promoted.result.promoted
    assert promoted.result.model.fingerprint == candidate.fingerprint
    again = run(-1)
    assert again.found_in.startswith("promoted on ")
    assert again.result == promoted.result


def test_a_rolled_back_model_stays_rolled_back(run: Run, shop: MeasuredShop, store: Store) -> None:
    """The stored promotion is not its result any more, however often the run is repeated."""
    run(-1)
    roll_back(store)
    first = run(-1)
    assert not first.found_in
    assert (first.result.promoted, first.result.model) == (False, shop.models[0])
    assert run(-1).result == first.result
    assert current_model(store) is None


def test_a_promotion_whose_record_is_lost_is_made_again(run: Run, store: Store) -> None:
    """After ``models/`` was removed, a stored result that names a lost model is not used."""
    first = run(-1)
    models = store.path / "models"
    remove([models / name for name, _ in listing(models)])
    assert current_model(store) is None
    again = run(-1)
    assert not again.found_in
    assert again.result == first.result
    assert current_model(store) == first.result.model
    assert (models / first.result.model.fingerprint / "config.json").exists()
