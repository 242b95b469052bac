"""When a stored measurement is used, and when a model is measured again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.measured_shop import CONFIG, MeasuredShop, measured_shop
from vitrina.config.evaluation import MeasureConfig
from vitrina.evaluation import measure as measuring
from vitrina.evaluation.measurement import Measured, Measurement
from vitrina.evaluation.stored import MEASUREMENT, find_or_measure
from vitrina.store.artifacts import Store
from vitrina.store.files import listing, read_bytes

Find = Callable[..., Measurement]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> MeasuredShop:
    """A small processed table with its images, and two models."""
    return measured_shop(tmp_path_factory.mktemp("shop"), rows=40)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A line for each time that a model is measured."""
    calls: list[str] = []
    real = measuring.measure

    def counting(*arguments: object) -> Measured:
        calls.append("measured")
        return real(*arguments)  # type: ignore[arg-type]  # passed on as they come

    monkeypatch.setattr(measuring, "measure", counting)
    return calls


@pytest.fixture
def find(shop: MeasuredShop, tmp_path: Path) -> Find:
    """Find or measure the shop's first model in a store."""

    def find(*, root: str = str(tmp_path), refresh: bool = False, **changes: object) -> Measurement:
        config = MeasureConfig(
            evaluate=CONFIG.evaluate.model_copy(update={"probe_rows": 0, **changes}),
            split=CONFIG.split,
        )
        return find_or_measure(
            shop.table, shop.models[0], Store(root=root), config, refresh=refresh
        )

    return find


def test_a_model_is_measured_once(find: Find, measured: list[str]) -> None:
    """The second time the measurement comes from the store, unless it is to be refreshed."""
    first = find()
    assert find() == first
    assert len(measured) == 1
    assert find(refresh=True) == first
    assert len(measured) == 2


def test_parameters_that_decide_metrics_are_in_the_key(find: Find, measured: list[str]) -> None:
    """Other templates are measured again; another batch size gives the same metrics."""
    first = find()
    assert find(batch_size=7) == first
    assert len(measured) == 1
    find(templates="ruclip")
    assert len(measured) == 2


def test_a_stored_measurement_needs_no_model(
    find: Find, shop: MeasuredShop, tmp_path: Path
) -> None:
    """A base model whose folder is gone is found by its fingerprint."""
    first = find()
    gone = shop.models[0].model_copy(update={"folder": str(tmp_path / "gone")})
    config = MeasureConfig(
        evaluate=CONFIG.evaluate.model_copy(update={"probe_rows": 0}), split=CONFIG.split
    )
    assert find_or_measure(shop.table, gone, Store(root=str(tmp_path)), config) == first


def test_a_measurement_is_stored_in_a_bucket(find: Find, bucket: str, measured: list[str]) -> None:
    """measurement.json is there, and the second time nothing is measured."""
    first = find(root=bucket)
    assert find(root=bucket) == first
    assert len(measured) == 1
    folder = Store(root=bucket).path / "measure"
    (name,) = (name for name, _ in listing(folder) if name.endswith(MEASUREMENT))
    assert Measurement.model_validate_json(read_bytes(folder / name)) == first
