"""The stage "classify" on a run that a tiny ruCLIP embedded."""

import io
from pathlib import Path

import pyarrow.parquet as pq
from upath import UPath

from tasks.classify import classify
from tests.support.searched_run import SearchedRun, embedded_run
from tests.support.shop import draw_shop
from vitrina.config.classification import ClassifyConfig
from vitrina.evaluation.stored import latest_split
from vitrina.results import ClassifyResult
from vitrina.search.stored_run import find_run
from vitrina.store.files import read_bytes
from vitrina.store.paths import to_path
from vitrina.store.stage import StageOutcome


def stage(shop: SearchedRun, **parameters: object) -> StageOutcome[ClassifyResult]:
    """The stage on the store's latest run."""
    run = find_run(shop.store.root)
    config = ClassifyConfig(output=shop.store.root, **parameters)
    return classify.fn(run.result, shop.store, config, latest_split(shop.store))


def test_categories_are_predicted(place: UPath, tmp_path: Path) -> None:
    """On disk and on S3; twice the same, and again where anything is another."""
    rows = draw_shop(tmp_path / "images", 120)
    truth = rows["category"].tolist()
    rows.loc[::8, "category"] = None
    shop = embedded_run(place, tmp_path, rows)
    first = stage(shop)
    found = pq.read_table(io.BytesIO(read_bytes(to_path(first.result.predictions)))).to_pandas()
    assert found["nm"].tolist() == list(range(0, 120, 8))
    assert (found["predicted"].to_numpy() == truth[::8]).mean() > 0.6
    again = stage(shop)
    assert again.found_in
    assert again.result == first.result
    assert not stage(shop, labelled=True).found_in
    assert not stage(shop, refresh=True).found_in
