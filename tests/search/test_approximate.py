"""A run with an index: the same answers as without one, whatever is asked for."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from tasks.index import index
from tests.support.searched_run import SearchedRun, embed_again, embedded_run
from tests.support.shop import draw_shop, tiny_model
from vitrina.config.evaluation import EvaluateConfig, MeasureConfig
from vitrina.config.index import IndexConfig
from vitrina.config.run_options import RunOptions
from vitrina.config.training import SplitConfig
from vitrina.errors import UserError
from vitrina.search.run import By, Run, open_run
from vitrina.store.paths import to_path

ROWS = 400
CONFIG = IndexConfig(columns=("price", "brend"), image_weight=0.3, exact_below=100)
HOSTILE = ["'; DROP TABLE listings; --", 'x" OR 1=1 --', "a\\' OR 'a'='a", "`nm`", "%", "ё\x00"]


def make_index(shop: SearchedRun, config: IndexConfig = CONFIG) -> None:
    """Index a run."""
    split = SplitConfig(validation_fraction=0.1, test_fraction=0.3, seed=0)
    measuring = MeasureConfig(evaluate=EvaluateConfig(), split=split)
    index.fn(shop.table, shop.result, shop.store, config, measuring, RunOptions())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SearchedRun:
    """Four hundred listings with a price and hostile brands, indexed."""
    folder = tmp_path_factory.mktemp("indexed")
    rows = draw_shop(folder / "images", ROWS)
    rows["price"] = np.arange(ROWS) % 7
    rows["brend"] = [HOSTILE[row] if row < len(HOSTILE) else "plain" for row in range(ROWS)]
    rows["unindexed"] = np.arange(ROWS) % 5
    shop = embedded_run(to_path(folder / "output"), folder, rows)
    make_index(shop)
    return shop


@pytest.fixture(scope="module")
def run(shop: SearchedRun) -> Run:
    """The run with its index."""
    run = open_run(shop.store.root, "cpu")
    assert run.searcher.approximate is not None
    return run


@pytest.fixture(scope="module")
def compact(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose index holds half of each vector in half precision, with binary codes."""
    folder = tmp_path_factory.mktemp("compact")
    rows = draw_shop(folder / "images", 150)
    shop = embedded_run(to_path(folder / "output"), folder, rows)
    half = shop.result.embed_dim // 2
    make_index(
        shop,
        IndexConfig(image_weight=0.3, exact_below=100, dim=half, storage="float16", code_bits=1),
    )
    run = open_run(shop.store.root, "cpu")
    assert run.searcher.approximate is not None
    assert not run.searcher.approximate.result.is_whole
    return run


@pytest.fixture(scope="module")
def exact(shop: SearchedRun) -> Run:
    """The run without its index."""
    run = open_run(shop.store.root, "cpu", exact=True)
    assert run.searcher.approximate is None
    return run


@pytest.mark.parametrize("by", ["text", "image", "both"])
@pytest.mark.parametrize("where", [None, {"category": "Посуда", "price": [1, "3"]}])
def test_it_finds_what_exact_search_finds(
    run: Run, exact: Run, by: By, where: dict[str, object] | None
) -> None:
    """The same scores, in every kind of vector, filtered or not; similar ones too."""
    for found, expected in (
        (run.search("кружка", by=by, where=where), exact.search("кружка", by=by, where=where)),
        (run.similar(9, by=by, where=where), exact.similar(9, by=by, where=where)),
    ):
        assert len(found) == 10
        scores = [[hit.score for hit in hits] for hits in (found, expected)]
        np.testing.assert_allclose(scores[0], scores[1], atol=1e-5)
        assert 9 not in {hit.nm for hit in found} or found == expected
        if where:
            assert {hit.category for hit in found} == {"Посуда"}


def test_hostile_values_are_values(run: Run, shop: SearchedRun) -> None:
    """Each finds the one listing that has it, and nothing is executed."""
    for row, value in enumerate(HOSTILE):
        hits = run.search("кружка", k=ROWS, where={"brend": value})
        assert [hit.nm for hit in hits] == [shop.rows["nm"][row]]
    assert run.search("кружка", where={"brend": "' OR 1=1 --"}) == []
    assert len(run.search("кружка", k=ROWS, where={"brend": ["plain", *HOSTILE]})) == ROWS
    with pytest.raises(UserError, match=r"no column 'nm\) OR \(1=1'"):
        run.search("кружка", where={"nm) OR (1=1": "1"})
    with pytest.raises(UserError, match="Column 'price' is int64"):
        run.search("кружка", where={"price": "1 OR 1=1"})
    assert run.searcher.approximate is not None, "and nothing of this has turned it off"


def test_what_the_index_cannot_answer_is_searched_exactly(run: Run) -> None:
    """A column that it does not hold, and missing values."""
    assert len(run.search("кружка", k=ROWS, where={"unindexed": 3})) == ROWS // 5
    assert run.search("кружка", where={"brend": None}) == []


def test_the_index_of_another_run_is_not_used(tmp_path: Path) -> None:
    """A run that is not indexed yet, or not any more, is searched exactly."""
    rows = draw_shop(tmp_path / "images", 120)
    shop = embedded_run(to_path(tmp_path / "output"), tmp_path / "a", rows)
    make_index(shop, IndexConfig(image_weight=0.3, exact_below=100))
    assert open_run(shop.store.root, "cpu").searcher.approximate is not None
    other = embed_again(shop.store, rows, tiny_model(tmp_path / "other", rows, 1))
    later = open_run(shop.store.root, "cpu")
    assert later.searcher.approximate is None
    assert later.searcher.exact.image_weight == 0.5
    make_index(other, IndexConfig(image_weight=0.3, exact_below=100))
    assert open_run(shop.store.root, "cpu").searcher.approximate is not None


@pytest.mark.parametrize("by", ["text", "image", "both"])
def test_shortened_vectors_give_the_scores_of_the_whole_ones(compact: Run, by: By) -> None:
    """Candidates are compared by the run's own vectors, filtered or not; similar ones too."""
    exact = open_run(compact.stored.store.root, "cpu", exact=True)
    for where in (None, {"category": "Посуда"}):
        for found, expected in (
            (
                compact.search("кружка", by=by, where=where),
                exact.search("кружка", by=by, where=where),
            ),
            (compact.similar(9, by=by, where=where), exact.similar(9, by=by, where=where)),
        ):
            scores = [[hit.score for hit in hits] for hits in (found, expected)]
            np.testing.assert_allclose(scores[0], scores[1], atol=1e-5)
            assert len(found) == 10
        assert 9 not in {hit.nm for hit in compact.similar(9, by=by, where=where)}


def test_an_index_that_is_removed_leaves_the_run_searchable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While it is open, and when it is opened; both are said."""
    rows = draw_shop(tmp_path / "images", 120)
    shop = embedded_run(to_path(tmp_path / "output"), tmp_path / "a", rows)
    make_index(shop, IndexConfig(image_weight=0.3, exact_below=100))
    opened = open_run(shop.store.root, "cpu")
    for table in Path(shop.store.root, "index").glob("*.lance"):
        shutil.rmtree(table)
    with caplog.at_level(logging.WARNING):
        hits = opened.similar(3)
        assert open_run(shop.store.root, "cpu").similar(3) == hits
    assert "the index cannot be read, so search is exact" in caplog.text
    assert "has been removed: search is exact" in caplog.text
