"""Pruning the versions of a table that nothing needs."""

import time
from datetime import timedelta

import numpy as np
import pytest
from upath import UPath

from tests.support.vector_run import vector_run
from vitrina.config.index import IndexConfig
from vitrina.index.build import IndexRequest, build_index
from vitrina.index.lance import open_table
from vitrina.index.old_versions import remove_old_versions
from vitrina.index.weight import WeightChoice
from vitrina.results import IndexResult
from vitrina.store.artifacts import open_store
from vitrina.store.prune import inventory, remove_item

CONFIG = IndexConfig(image_weight=0.5)


@pytest.fixture
def results(place: UPath, monkeypatch: pytest.MonkeyPatch) -> list[IndexResult]:
    """Three runs of one table, and one of another table before them; published like stages."""
    monkeypatch.setattr("vitrina.index.old_versions.MARGIN", timedelta(seconds=0.5))
    store, run = open_store(str(place)), vector_run(60)
    results: list[IndexResult] = []
    for number, rows in enumerate((60, 60, 55, 52)):
        table, vectors = run.select(np.arange(rows)).write(place / "runs" / str(number))
        path = place / "index" / (f"{number > 0:020x}.lance")
        request = IndexRequest(table, vectors, path, CONFIG)
        results.append(build_index(request, lambda: WeightChoice(0.5, {})))
        key = f"{number + 10:020x}"
        result = results[-1].model_dump(mode="json")
        store.artifact("index", key).publish("index", key, [], parameters={}, result=result)
        store.point_latest("index", key)
        time.sleep(1)
    return results


def test_only_what_the_latest_run_needs_stays(place: UPath, results: list[IndexResult]) -> None:
    """Its version can be read; the versions before it and the older table are gone."""
    store = open_store(str(place))
    items = inventory(place, 0)
    assert {item.label for item in items if item.needed} == {
        f"index/{13:020x}",
        f"index/{1:020x}.lance",
    }
    for item in items:
        if not item.needed:
            remove_item(store, item)
    lines = remove_old_versions(items, 0)
    assert len(lines) == 1
    assert f"{1:020x}.lance: old versions removed" in lines[0]
    for number, result in enumerate(results):
        opened = open_table(place / "index" / result.table.rsplit("/", 1)[-1], result.version)
        assert (opened is None) == (number < 3)
    assert opened is not None
    assert opened.count_rows() == 52
    assert open_table(place / "index" / f"{0:020x}.lance") is None


def test_recent_versions_stay(place: UPath, results: list[IndexResult]) -> None:
    """Someone may have opened them."""
    assert remove_old_versions(inventory(place, 1), 1) == []
    assert open_table(place / "index" / f"{1:020x}.lance", results[1].version) is not None
