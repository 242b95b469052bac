"""The index stage: what is stored is found again, and what is gone is made again."""

import shutil
from pathlib import Path

import pytest

from tasks.index import index
from tests.support.searched_run import SearchedRun, embed_again, embedded_run
from tests.support.shop import draw_shop, tiny_model
from vitrina.config.evaluation import EvaluateConfig, MeasureConfig
from vitrina.config.index import IndexConfig
from vitrina.config.run_options import RunOptions
from vitrina.config.training import SplitConfig
from vitrina.index.lance import open_table
from vitrina.index.stored import latest_index
from vitrina.results import IndexResult
from vitrina.store.artifacts import Store
from vitrina.store.paths import to_path
from vitrina.store.stage import StageOutcome

CONFIG = IndexConfig(image_weight=0.5)
MEASURING = MeasureConfig(
    evaluate=EvaluateConfig(templates="single"),
    split=SplitConfig(validation_fraction=0.1, test_fraction=0.3, seed=0),
)


def indexed(
    shop: SearchedRun, config: IndexConfig = CONFIG, *, refresh: bool = False
) -> StageOutcome[IndexResult]:
    """Run the stage."""
    return index.fn(
        shop.table, shop.result, shop.store, config, MEASURING, RunOptions(refresh=refresh)
    )


@pytest.fixture
def shop(tmp_path: Path) -> SearchedRun:
    """Forty listings, embedded."""
    return embedded_run(to_path(tmp_path / "output"), tmp_path)


def test_an_unchanged_run_is_found(shop: SearchedRun) -> None:
    """Unless it is to be refreshed, or its table was removed."""
    first = indexed(shop)
    again = indexed(shop)
    assert (first.found_in, again.result) == ("", first.result)
    assert again.found_in == str(shop.store.path / "index" / shop.store.latest_key("index"))
    assert indexed(shop, refresh=True).found_in == ""
    shutil.rmtree(first.result.table)
    made = indexed(shop)
    assert (made.found_in, made.result.rows_written) == ("", 40)


def test_to_return_to_an_earlier_run_takes_only_what_differs(shop: SearchedRun) -> None:
    """Its version may have been pruned, so its stored result is not taken."""
    indexed(shop)
    fewer = embed_again(shop.store, shop.rows[:38], shop.model)
    assert indexed(fewer).result.rows_removed == 2
    back = indexed(shop)
    assert (back.found_in, back.result.rows, back.result.rows_written) == ("", 40, 2)
    assert latest_index(shop.store) is not None


def test_another_model_has_a_table_of_its_own(shop: SearchedRun, tmp_path: Path) -> None:
    """What reads the first goes on with it; templates are part of the model here."""
    first = indexed(shop).result
    model = tiny_model(tmp_path / "other", shop.rows, 1)
    second = indexed(embed_again(shop.store, shop.rows, model)).result
    single = shop.config.model_copy(update={"templates": "single"})
    third = indexed(embed_again(shop.store, shop.rows, shop.model, single)).result
    assert len({one.table for one in (first, second, third)}) == 3
    for result in (first, second, third):
        table = open_table(to_path(result.table), result.version)
        assert table is not None
        assert table.count_rows() == 40


def test_the_weight_is_chosen_with_the_model_of_the_vectors(tmp_path: Path) -> None:
    """Its MRR is handed on."""
    rows = draw_shop(tmp_path / "images", 120)
    rows["description"] = "Вещь для дома: " + rows["category"] + ", цвет как на фото"
    shop = embedded_run(to_path(tmp_path / "output"), tmp_path, rows)
    result = indexed(shop, IndexConfig()).result
    assert len(result.weight_mrr) == 11
    assert result.image_weight in {float(one) for one in result.weight_mrr}


def test_a_moved_store_is_indexed_where_it_is(shop: SearchedRun, tmp_path: Path) -> None:
    """The index of the old folder is not named any more."""
    indexed(shop)
    shutil.move(shop.store.root, tmp_path / "new")
    found = latest_index(Store(root=str(tmp_path / "new")))
    assert found is not None
    assert found.result.table.startswith(str(tmp_path / "new"))
    assert open_table(to_path(found.result.table), found.result.version) is not None
