"""The command that classifies: what it refuses, and what it shows."""

from pathlib import Path

import pytest

from flows.cli import parse
from flows.commands.classify import check
from tests.support.searched_run import SearchedRun, embedded_run
from vitrina.config.classification import ClassifyConfig
from vitrina.errors import UserError
from vitrina.reporting.sections import classification_sections
from vitrina.results import ClassifyResult
from vitrina.store.paths import to_path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SearchedRun:
    """Forty listings, embedded into a store."""
    folder = tmp_path_factory.mktemp("classify")
    return embedded_run(to_path(folder / "output"), folder)


def test_the_column_is_looked_for_first(shop: SearchedRun, tmp_path: Path) -> None:
    """A wrong one is named, and so is an output without a run."""
    output = ("--output", shop.store.root)
    check(parse(ClassifyConfig, "", [*output]))
    with pytest.raises(UserError, match=r"no column 'kategory'.*Did you mean 'category'"):
        check(parse(ClassifyConfig, "", [*output, "--column", "kategory"]))
    with pytest.raises(UserError, match="no finished embedding"):
        check(parse(ClassifyConfig, "", ["--output", str(tmp_path)]))


def test_classes_that_were_left_out_are_named() -> None:
    """The most frequent first, and how many there are beyond those shown."""
    metrics = dict.fromkeys(
        ("accuracy", "accuracy_low", "accuracy_high", "macro_f1", "ece_before", "ece_after"), 0.5
    ) | {"brier_before": 0.4, "brier_after": 0.3}
    result = ClassifyResult(
        column="category",
        predictions="p.parquet",
        csv="p.csv",
        report="r.json",
        classes=4,
        rare={f"Класс {number}": number for number in range(1, 26)},
        labelled_rows=1_000,
        predicted_rows=120,
        judged_rows=150,
        judged_products=140,
        basis="held-out",
        temperature=0.8,
        metrics=metrics,
    )
    first, rare = classification_sections(result)
    assert dict(first.rows)["accuracy"] == "0.500, 95% interval 0.50 to 0.50"
    assert dict(first.rows)["Brier score, before → after calibration"] == "0.400 → 0.300"
    assert dict(first.rows)["measured on"] == "150 listings of 140 held-out products"
    assert rare.rows[0] == ("Класс 25", "25")
    assert rare.rows[-1] == ("and 5 more", "")
    assert len(classification_sections(result.model_copy(update={"rare": {}}))) == 1
