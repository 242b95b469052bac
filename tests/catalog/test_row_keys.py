"""Keys of a table's rows, read batch by batch."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.product_table import product_table
from vitrina.catalog import row_keys
from vitrina.catalog.products import product_groups, product_keys
from vitrina.catalog.row_keys import column_values, read_row_keys
from vitrina.catalog.split import split_rows
from vitrina.config.training import SplitConfig
from vitrina.errors import UserError
from vitrina.store.paths import to_path


def stored(table: pd.DataFrame, folder: Path) -> Path:
    """The table as a processed one."""
    path = folder / "table.parquet"
    table.assign(image_path=[f"{row}.jpg" for row in range(len(table))]).to_parquet(path)
    return path


def test_keys_say_what_the_table_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Products and parts are those of the whole table, though it is read in batches."""
    monkeypatch.setattr(row_keys, "BATCH_ROWS", 70)
    table = product_table(500, 400, 450).assign(nm=np.arange(500))
    table.loc[::50, "title"] = ""
    keys = read_row_keys(to_path(stored(table, tmp_path)))
    np.testing.assert_array_equal(keys.products, product_keys(table))
    np.testing.assert_array_equal(keys.groups(), product_groups(table))
    split = SplitConfig(validation_fraction=0.1, test_fraction=0.2, seed=3)
    np.testing.assert_array_equal(keys.parts(split), split_rows(table, 0.1, 0.2, 3))


def test_images_that_rows_of_different_batches_share_make_one_product(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any of a listing's images; so the parts are those that training holds out."""
    monkeypatch.setattr(row_keys, "BATCH_ROWS", 70)
    table = product_table(300, 10_000, 10_000).assign(nm=np.arange(300), image_path="x.jpg")
    several = [[one, f"shared {row % 100}"] for row, one in enumerate(table["image_hash"])]
    table = table.assign(image_paths=several, image_hashes=several)
    table.to_parquet(tmp_path / "table.parquet")
    keys = read_row_keys(to_path(tmp_path / "table.parquet"))
    np.testing.assert_array_equal(keys.products, product_keys(table))
    split = SplitConfig(validation_fraction=0.2, test_fraction=0.2, seed=1)
    np.testing.assert_array_equal(keys.parts(split), split_rows(table, 0.2, 0.2, 1))
    assert len(np.unique(keys.groups())) <= 100


def test_a_table_too_small_to_split_is_all_train(tmp_path: Path) -> None:
    """Duplicates and flaws can be looked for all the same."""
    keys = read_row_keys(to_path(stored(product_table(4, 10, 10).assign(nm=range(4)), tmp_path)))
    split = SplitConfig(validation_fraction=0.1, test_fraction=0.2, seed=0)
    assert (keys.parts(split) == "train").all()


def test_equal_values_have_equal_keys_and_missing_ones_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a batch with a missing number has floats and the next one integers."""
    monkeypatch.setattr(row_keys, "BATCH_ROWS", 3)
    table = product_table(6, 10, 10).assign(nm=range(6))
    table["article"] = pd.array([7, None, 8, 7, 8, 9], "Int64")
    table["brend"] = ["a", " a ", "", None, "b", "  "]
    keys = read_row_keys(to_path(stored(table, tmp_path)), ("article", "brend")).columns
    article, brend = keys["article"], keys["brend"]
    assert article[0] == article[3]
    assert article[2] == article[4]
    assert len({*article.tolist()} - {0}) == 3
    assert article[1] == 0
    assert brend[0] == brend[1] != brend[4]
    assert (brend[[2, 3, 5]] == 0).all()


def test_an_unknown_column_is_named(tmp_path: Path) -> None:
    """With the nearest one that is there."""
    path = stored(product_table(4, 10, 10).assign(nm=range(4), article=1), tmp_path)
    with pytest.raises(UserError, match=r"no column 'articel'.*Did you mean 'article'"):
        read_row_keys(to_path(path), ("articel",))


def test_values_are_texts() -> None:
    """A price list's 2.0 stays a text where the column is one."""
    frame = pd.DataFrame({"number": [1.0, float("nan"), 2.5], "text": [" 2.0", None, "x"]})
    assert column_values(frame, "number") == ["1", "", "2.5"]
    assert column_values(frame, "text") == ["2.0", "", "x"]
