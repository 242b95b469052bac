"""The files of predictions."""

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.support.classified_listings import NAMES, ClassifiedListings
from vitrina.classification.artifact import ClassifyRequest, write_predictions
from vitrina.config.classification import ClassifierConfig
from vitrina.config.training import SplitConfig
from vitrina.errors import UserError
from vitrina.results import ClassifyResult
from vitrina.store.artifacts import Artifact
from vitrina.store.paths import to_path

SPLIT = SplitConfig(validation_fraction=0.1, test_fraction=0.2, seed=0)


def written(
    listings: ClassifiedListings, folder: Path, formulas: str = "keep", **parameters: object
) -> tuple[ClassifyResult, pd.DataFrame]:
    """The result, and the table of predictions."""
    request = ClassifyRequest(
        listings.table, listings.npz, SPLIT, ClassifierConfig(**parameters), formulas
    )
    result, files = write_predictions(request, Artifact(to_path(folder)))
    assert all((folder / name).is_file() for name in files)
    return result, pq.read_table(result.predictions).to_pandas()


def test_rows_without_a_class_are_predicted(listings: ClassifiedListings, tmp_path: Path) -> None:
    """In the table's order, with a second guess; most are right, the sure ones nearly all."""
    result, found = written(listings, tmp_path)
    rows = [int(nm[1:]) for nm in found["nm"]]
    assert rows == list(range(0, 1_200, 10))
    assert found["known"].isna().all()
    assert (found["predicted"] != found["second"]).all()
    assert (found["probability"] >= found["second_probability"]).all()
    right = found["predicted"].to_numpy() == [NAMES[one] for one in listings.truth[rows]]
    assert right.mean() > 0.6
    assert right[found["probability"] > 0.9].mean() > 0.85
    assert json.loads(Path(result.report).read_text())["rare"] == {"Редкое": 3}
    assert (result.predicted_rows, result.labelled_rows) == (120, 1_077)


def test_labelled_rows_are_predicted_on_request(
    listings: ClassifiedListings, tmp_path: Path
) -> None:
    """All rows in order; those of a rare class too; a known class is beside its prediction."""
    _, found = written(listings, tmp_path, labelled=True)
    assert found["nm"].tolist() == [f"={row}" for row in range(1_200)]
    known = found["known"].notna()
    assert known.sum() == 1_077
    accuracy = (found["known"] == found["predicted"])[known].mean()
    assert 0.6 < accuracy < 0.95, "a model that had seen the rows would know them nearly all"
    assert found.loc[1, "known"] is None or pd.isna(found.loc[1, "known"])


@pytest.mark.parametrize(("formulas", "prefix"), [("keep", "="), ("escape", "'=")])
def test_the_csv_is_the_same_table(
    formulas: str, prefix: str, listings: ClassifiedListings, tmp_path: Path
) -> None:
    """A spreadsheet runs no formula in it, if that is wanted."""
    result, found = written(listings, tmp_path, formulas)
    table = pd.read_csv(result.csv)
    assert list(table.columns) == list(found.columns)
    assert table["nm"][0] == f"{prefix}0"
    assert set(table["predicted"]) == {name.replace("=", prefix) for name in found["predicted"]}
    pd.testing.assert_series_equal(
        table["probability"], found["probability"].astype(float), atol=1e-4
    )


def test_too_few_classes_are_refused(listings: ClassifiedListings, tmp_path: Path) -> None:
    """With their number, and what to do."""
    with pytest.raises(UserError, match=r"'nm' of .* has 0 classes.*and 1200 with fewer"):
        written(listings, tmp_path, column="nm")


def test_a_table_without_open_rows_has_no_predictions(
    listings: ClassifiedListings, tmp_path: Path
) -> None:
    """It is judged all the same."""
    full = tmp_path / "full"
    full.mkdir()
    table = pd.read_parquet(listings.table.path)
    table["category"] = [NAMES[one] for one in listings.truth]
    table.to_parquet(full / "table.parquet")
    given = ClassifiedListings(to_path(full / "table.parquet"), listings.npz, listings.truth)
    result, found = written(given, full)
    assert len(found) == 0
    assert result.metrics["accuracy"] > 0.6
