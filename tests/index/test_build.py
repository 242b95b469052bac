"""An index brought to the rows of a run, whatever state its table is in."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from upath import UPath

from tests.support.vector_run import VectorRun, vector_run
from vitrina.config.index import IndexConfig
from vitrina.errors import UserError
from vitrina.index.build import IndexRequest, build_index
from vitrina.index.lance import has_version, open_table
from vitrina.index.stored_vectors import cut
from vitrina.index.weight import WeightChoice
from vitrina.results import IndexResult
from vitrina.store.paths import to_path

CONFIG = IndexConfig(columns=("price",), image_weight=0.5)
APPROXIMATE = CONFIG.model_copy(update={"exact_below": 100})
TABLE = "a" * 20 + ".lance"


def unused() -> WeightChoice:
    """The weight is given, so none is chosen."""
    raise AssertionError("a weight was chosen")


class Shop:
    """An output whose listings change."""

    def __init__(self, root: UPath) -> None:
        self.root, self.path, self.runs = root, root / "index" / TABLE, 0
        self.result: IndexResult | None = None

    def index(
        self,
        run: VectorRun,
        config: IndexConfig = CONFIG,
        choose: Callable[[], WeightChoice] = unused,
        *,
        refresh: bool = False,
    ) -> IndexResult:
        """Write the files of a run and index it."""
        self.runs += 1
        table, vectors = run.write(self.root / "runs" / str(self.runs))
        request = IndexRequest(table, vectors, self.path, config, self.result, refresh)
        self.result = build_index(request, choose)
        return self.result

    def rows(self, result: IndexResult | None = None) -> dict[int, tuple[str, int, list[float]]]:
        """Title, price and image vector by id, at the version of a result."""
        found = result or self.result
        assert found is not None
        table = open_table(self.path, found.version)
        assert table is not None
        return {
            row["nm"]: (row["title"], row["price"], row["img"])
            for row in table.to_arrow().to_pylist()
        }


@pytest.fixture
def shop(place: UPath) -> Shop:
    """A shop on this machine and on S3."""
    return Shop(place)


def expected(run: VectorRun) -> dict[int, tuple[str, int, list[float]]]:
    """What the index of a run holds."""
    rows = run.rows
    return {
        nm: (title, price, img.tolist())
        for nm, title, price, img in zip(
            rows["nm"], rows["title"], rows["price"], run.img, strict=True
        )
    }


def test_only_changed_rows_are_written(shop: Shop) -> None:
    """A row new, one with another price, one with another image, two gone; the order is mixed."""
    run = vector_run(60)
    first = shop.index(run.select(np.arange(50)))
    assert (first.rows, first.rows_written, first.rows_removed) == (50, 50, 0)
    assert shop.rows() == expected(run.select(np.arange(50)))
    later = run.select(np.r_[50, np.arange(2, 50)][::-1])
    later.rows.loc[5, "price"] = 7
    later.img[9] = later.img[10]
    second = shop.index(later)
    assert (second.rows, second.rows_written, second.rows_removed) == (49, 3, 2)
    assert second.changed_since_build == 5
    assert shop.rows() == expected(later)
    assert shop.rows(first) == expected(run.select(np.arange(50))), "readers of before see before"


def test_unchanged_rows_write_no_version(shop: Shop) -> None:
    """A run of the same listings elsewhere costs nothing."""
    run = vector_run(20)
    first = shop.index(run)
    assert shop.index(run) == first.model_copy(update={"rows_written": 0})


def test_a_large_change_writes_all_rows(shop: Shop) -> None:
    """And so do many small ones together, or a refresh; old versions can still be read."""
    run = vector_run(90)
    first = shop.index(run.select(np.arange(50)))
    second = shop.index(run.select(np.arange(30, 90)))
    assert (second.rows_written, second.changed_since_build) == (60, 0)
    assert shop.rows() == expected(run.select(np.arange(30, 90)))
    assert shop.rows(first) == expected(run.select(np.arange(50)))
    changed = [shop.index(run.select(np.arange(30, stop))) for stop in (82, 75)]
    assert [one.changed_since_build for one in changed] == [8, 15]
    assert shop.index(run.select(np.arange(30, 75))).rows_written == 45
    assert shop.index(run.select(np.arange(30, 75)), refresh=True).rows_written == 45


def test_text_ids_are_upserted_too(tmp_path: Path) -> None:
    """As texts, hostile ones included."""
    run = vector_run(40)
    ids = [f"{nm:03}" for nm in range(37)]
    run.rows["nm"] = [*ids, "'; DROP TABLE x; --", "a`b\\", "Ё\n"]
    shop = Shop(to_path(tmp_path))
    shop.index(run)
    later = run.select(np.r_[0:35, 39])
    later.rows.loc[3, "price"] = 7
    result = shop.index(later)
    assert (result.rows_written, result.rows_removed) == (1, 4)
    assert shop.rows().keys() == set(later.rows["nm"])


def test_an_empty_run_empties_the_index(tmp_path: Path) -> None:
    """And one with rows fills it again."""
    shop, run = Shop(to_path(tmp_path)), vector_run(30)
    assert shop.index(run.select(np.zeros(0, np.int64))).rows == 0
    assert shop.index(run).rows == 30
    assert shop.index(run.select(np.zeros(0, np.int64))).rows == 0


def test_an_unfinished_table_is_completed(shop: Shop) -> None:
    """What a killed run has left is compared like any other state; nobody had been told of it."""
    run = vector_run(50)
    shop.index(run.select(np.arange(40)))
    shop.result = None
    result = shop.index(run.select(np.arange(3, 45)))
    assert (result.rows_written, result.rows_removed) == (5, 3)
    assert shop.rows() == expected(run.select(np.arange(3, 45)))


def test_rows_that_another_run_writes_meanwhile_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version that is handed on holds this run's rows, and no others."""
    shop, run = Shop(to_path(tmp_path)), vector_run(50)
    shop.index(run.select(np.arange(40)))
    from vitrina.index import build

    real, calls = build.update_table, 0

    def disturbed(path: UPath, *others: object, **options: object) -> object:
        nonlocal calls
        done = real(path, *others, **options)  # type: ignore[arg-type]  # passed on as they came
        calls += 1
        if calls == 1:
            done.table.delete("nm = 105")
        return done

    monkeypatch.setattr(build, "update_table", disturbed)
    shop.index(run)
    assert calls == 2
    assert shop.rows() == expected(run)


def test_the_versions_of_a_table_are_told_by_their_files(shop: Shop) -> None:
    """So that a stored index need not import LanceDB."""
    result = shop.index(vector_run(10))
    assert has_version(shop.path, result.version)
    assert not has_version(shop.path, result.version + 1)
    assert not has_version(shop.root / "index" / ("b" * 20 + ".lance"), 1)


def test_a_large_table_is_searched_approximately(shop: Shop) -> None:
    """With its recall measured; small changes keep the index, large ones make it again."""
    run = vector_run(600)
    first = shop.index(run.select(np.arange(500)), APPROXIMATE)
    assert first.partitions == 1
    assert {name: one.recall_at_10 for name, one in first.approximate.items()} == {
        "text": 1,
        "img": 1,
        "product": 1,
    }
    second = shop.index(run.select(np.arange(20, 510)), APPROXIMATE)
    assert (second.approximate, second.rows_written) == (first.approximate, 10)
    table = open_table(shop.path, second.version)
    assert table is not None
    stats = table.index_stats("product_idx")
    assert stats is not None
    assert (stats.num_indexed_rows, stats.num_unindexed_rows) == (490, 0)
    third = shop.index(run.select(np.arange(200, 600)), APPROXIMATE)
    assert third.rows_written == 400
    assert third.approximate.keys() == first.approximate.keys()
    exact = shop.index(run.select(np.arange(90)), APPROXIMATE)
    assert (exact.partitions, exact.approximate) == (0, {})


@pytest.mark.parametrize(
    "changes",
    [{"dim": 8}, {"storage": "float16"}, {"dim": 8, "storage": "float16"}],
    ids=str,
)
def test_shortened_vectors_are_stored_and_found_by_the_whole_ones(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    """Unit vectors of the length and type asked for; recall is by the whole vectors of the run."""
    config = IndexConfig.model_validate({**APPROXIMATE.model_dump(), **changes})
    shop, run = Shop(to_path(tmp_path)), vector_run(300)
    result = shop.index(run, config)
    assert result.approximate.keys() == {"text", "img", "product"}
    assert all(one.recall_at_10 >= 0.99 for one in result.approximate.values())
    assert (result.dim, result.storage) == (config.dim or 16, config.storage)
    assert not result.is_whole
    table = open_table(shop.path, result.version)
    assert table is not None
    stored = table.to_arrow()["img"].combine_chunks()
    assert stored.type.value_type == ("halffloat" if config.storage == "float16" else "float")
    values = stored.flatten().to_numpy().reshape(300, -1).astype(np.float32)
    np.testing.assert_allclose(values, cut(run.img, result.dim), atol=1e-3)
    later = run.select(np.arange(5, 300))
    second = shop.index(later, config)
    assert (second.rows_written, second.rows_removed) == (0, 5)


def test_more_numbers_than_the_vectors_have_are_refused(tmp_path: Path) -> None:
    """Before anything is written."""
    shop = Shop(to_path(tmp_path))
    with pytest.raises(UserError, match=r"index.dim is 17, but the model's vectors have 16"):
        shop.index(vector_run(20), CONFIG.model_copy(update={"dim": 17}))
    assert open_table(shop.path) is None


def test_search_that_finds_too_little_stays_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Which is said, with the recall."""
    monkeypatch.setattr("vitrina.index.recall.NearestSoFar.recall", lambda *_: 0.5)
    result = Shop(to_path(tmp_path)).index(vector_run(200), APPROXIMATE)
    assert result.approximate == {}
    assert "finds only 0.500 of the 10 nearest, so it stays exact" in caplog.text


def test_the_weight_of_a_table_is_kept(tmp_path: Path) -> None:
    """A new choice would change every row; it is made for a new table, and by a refresh."""
    config = CONFIG.model_copy(update={"image_weight": None})
    shop, run = Shop(to_path(tmp_path)), vector_run(30)
    first = shop.index(run, config, lambda: WeightChoice(0.3, {0.0: 0.1, 0.3: 0.4, 1.0: 0.2}))
    assert (first.image_weight, first.weight_mrr["0.3"]) == (0.3, 0.4)
    again = shop.index(run, config, unused)
    assert (again.image_weight, again.weight_mrr) == (first.image_weight, first.weight_mrr)
    choice = WeightChoice(0.6, {0.6: 0.5})
    assert shop.index(run, config, lambda: choice, refresh=True).image_weight == 0.6
    assert shop.index(run, CONFIG).image_weight == 0.5
    assert shop.result is not None
    assert shop.result.rows_written == 30
