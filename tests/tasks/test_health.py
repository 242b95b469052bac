"""The stage "health" on a run that a tiny ruCLIP embedded."""

import io
from pathlib import Path

import pandas as pd
import pytest
from upath import UPath

from tasks.duplicates import duplicates
from tasks.health import health
from tests.support.searched_run import SearchedRun, embedded_run
from vitrina.config.duplicates import DuplicatesConfig
from vitrina.config.health import HealthConfig
from vitrina.config.run_options import RefreshOption
from vitrina.config.training import TrainConfig
from vitrina.duplicates.stored import latest_duplicates
from vitrina.health import image_measures
from vitrina.results import HealthResult
from vitrina.search.stored_run import find_run
from vitrina.store.files import read_bytes
from vitrina.store.paths import to_path
from vitrina.store.stage import StageOutcome

SPLIT = TrainConfig().split()


def stage(
    shop: SearchedRun, config: HealthConfig | None = None, *, refresh: bool = False
) -> StageOutcome[HealthResult]:
    """The stage on the store's latest run, and on the duplicates that were found in it."""
    run = find_run(shop.store.root)
    before = latest_duplicates(shop.store, run.embedding)
    options = RefreshOption(refresh=refresh)
    return health.fn(run.result, before, shop.store, config or HealthConfig(), SPLIT, options)


def test_duplicates_are_part_of_health(place: UPath, tmp_path: Path) -> None:
    """On disk and on S3; without that stage there are none."""
    shop = embedded_run(place, tmp_path)
    assert "duplicate" not in stage(shop).result.counts
    run = find_run(shop.store.root)
    given = run.result, shop.store, DuplicatesConfig(), SPLIT, RefreshOption()
    found = duplicates.fn(*given).result
    outcome = stage(shop)
    assert not outcome.found_in
    assert outcome.result.counts["duplicate"] == found.listings - found.groups_found > 0
    table = pd.read_parquet(io.BytesIO(read_bytes(to_path(outcome.result.health))))
    pairs = table[table["problem"] == "duplicate"]
    assert (pairs["other_nm"] != pairs["nm"]).all()
    assert stage(shop).found_in


def test_images_that_were_measured_are_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With other parameters; with --refresh they are."""
    shop = embedded_run(to_path(tmp_path / "out"), tmp_path)
    rows = shop.rows.assign(image_hash=[f"h{nm}" for nm in shop.rows["nm"]])
    shop = embedded_run(to_path(tmp_path / "out"), tmp_path / "b", rows)
    opened: list[bytes] = []
    real = image_measures.measure_image
    monkeypatch.setattr(
        image_measures, "measure_image", lambda data: opened.append(data) or real(data)
    )
    stage(shop)
    assert len(opened) == len(rows)
    stage(shop, HealthConfig(mismatch_z=2))
    assert len(opened) == len(rows)
    stage(shop, refresh=True)
    assert len(opened) == 2 * len(rows)
