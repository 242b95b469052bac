"""One shard: what is computed, what is reused, and what travels to a worker."""

import pickle
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from upath import UPath

from tests.support.embedding import mug_model, noise_listings, origin
from vitrina.config.embedding import EmbedConfig
from vitrina.embedding.reuse import COLUMNS, ReuseIndex
from vitrina.embedding.rows import Rows, rows_of
from vitrina.embedding.shard import (
    Shard,
    embed_rows,
    embed_shard,
    embed_shard_on_worker,
    load_embedder,
    map_detached,
)
from vitrina.embedding.shard_file import read_column, read_origin, read_vectors, write_shard
from vitrina.errors import UserError
from vitrina.results import ModelResult

CONFIG = EmbedConfig(device="cpu")
NOTHING_KNOWN = {column: ReuseIndex.of([], column) for column in COLUMNS}


class Echo:
    """Stands in for the embedder where only the bookkeeping is tested: fast and exact."""

    class model:  # noqa: N801 - stands for an attribute
        embed_dim = 2

    def __init__(self) -> None:
        self.computed: list[str] = []

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        self.computed += texts
        return np.array([[len(text), ord(text[0])] for text in texts], np.float32)

    images = texts


def lettered(letters: str) -> Rows:
    """A row for each letter, which is its title, its keys and, doubled, its path."""
    items = list(letters)
    return Rows(range(len(items)), items, [item * 2 for item in items], items, items)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    before=st.lists(st.text("abcdefgh", min_size=1, max_size=5), max_size=4),
    after=st.text("abcdefgh", min_size=1, max_size=9),
)
def test_reusing_equals_computing(tmp_path: Path, before: list[str], after: str) -> None:
    """Whatever is in which shard: equal vectors, and each new key is computed once."""
    shutil.rmtree(tmp_path / "shards", ignore_errors=True)
    shards = []
    for number, letters in enumerate(before):
        rows, echo = lettered(letters), Echo()
        shard = UPath(tmp_path / "shards" / f"{number}.parquet")
        write_shard(shard, rows, echo.texts(rows.texts), echo.images(rows.paths), origin("echo"))
        shards.append(shard)
    echo = Echo()
    known = {column: ReuseIndex.of(shards, column) for column in COLUMNS}
    embedded = embed_rows(lettered(after), echo, known)  # type: ignore[arg-type]  # Echo
    np.testing.assert_array_equal(embedded.text, Echo().texts(list(after)))
    images = Echo().images([letter * 2 for letter in after])
    np.testing.assert_array_equal(embedded.each_image, images)
    new = set(after) - set("".join(before))
    assert sorted(echo.computed) == sorted([*new, *(letter * 2 for letter in new)])
    assert embedded.computed_rows == sum(letter in new for letter in after)
    assert embedded.computed_images == len(new)


def test_a_detached_shard_has_only_its_own_part_of_the_index(tmp_path: Path) -> None:
    """It finds equal vectors, and names no more shards than hold them."""
    shards = []
    for number, letters in enumerate(("ab", "cd", "ef")):
        keys, vectors = list(letters), np.full((2, 4), number, np.float32)
        shards.append(UPath(tmp_path / f"{number}.parquet"))
        write_shard(
            shards[-1], Rows(range(2), keys, keys, keys, keys), vectors, vectors, origin("cpu")
        )
    known = {column: ReuseIndex.of(shards, column) for column in COLUMNS}
    keys = ["e", "x", "a", "e", "я"]
    rows = Rows(range(5), keys, keys, keys, keys)
    whole = Shard(UPath(tmp_path / "new"), rows, UPath("table"), known)
    detached = pickle.loads(pickle.dumps(whole.detached()))
    for column in COLUMNS:
        vectors, found = detached.known[column].lookup(keys, 4)
        expected, expected_found = known[column].lookup(keys, 4)
        np.testing.assert_array_equal(vectors, expected)
        assert found.tolist() == expected_found.tolist() == [True, False, True, True, False]
        assert detached.known[column].shards == [shards[0], shards[2]]


# --- with a real model -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def mugs(tmp_path_factory: pytest.TempPathFactory) -> ModelResult:
    """A tiny ruCLIP folder."""
    return mug_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Ten listings with images."""
    return noise_listings(tmp_path)


def shard_of(table: pd.DataFrame, path: Path) -> Shard:
    """A shard with all rows of the table, of which nothing is known."""
    return Shard(UPath(path), rows_of(table, np.int64), UPath("table.csv"), NOTHING_KNOWN)


def test_a_shard_holds_vectors_keys_and_arithmetic(
    mugs: ModelResult, table: pd.DataFrame, tmp_path: Path
) -> None:
    """Its file is the embedder's vectors beside the rows they are of."""
    embedder, shard = load_embedder(mugs.folder, CONFIG), shard_of(table, tmp_path / "a.parquet")
    assert embed_shard(embedder, shard) == (len(table),) * 3
    assert read_column(shard.path, "nm") == table["nm"].tolist()
    assert read_column(shard.path, "text_key") == shard.rows.text_keys
    found = read_origin(shard.path)
    assert found is not None
    assert found.arithmetic == "cpu float32"
    expected = embedder.images(table["image_path"].tolist())
    np.testing.assert_allclose(read_vectors(shard.path, "img"), expected, atol=1e-6)


def test_an_unreadable_image_is_named_with_its_table(
    mugs: ModelResult, table: pd.DataFrame, tmp_path: Path
) -> None:
    """No shard is left behind."""
    shard = shard_of(table, tmp_path / "a.parquet")
    Path(table["image_path"][6]).unlink()
    with pytest.raises(UserError, match=r"6\.png.*table\.csv lists this image"):
        embed_shard(load_embedder(mugs.folder, CONFIG), shard)
    assert not shard.path.exists()


def test_workers_write_what_this_process_writes(
    mugs: ModelResult, table: pd.DataFrame, tmp_path: Path
) -> None:
    """Work and shards are pickled; a worker loads the model by itself, once."""
    here, there = (shard_of(table, tmp_path / f"{name}.parquet") for name in ("here", "there"))
    embed_shard(load_embedder(mugs.folder, CONFIG), here, mugs)

    def through_pickle(work, shards):  # type: ignore[no-untyped-def]  # a ShardMap
        for shard in shards:
            yield pickle.loads(pickle.dumps(work))(pickle.loads(pickle.dumps(shard)))

    work = partial(embed_shard_on_worker, mugs.folder, mugs.fingerprint, CONFIG)
    assert list(map_detached(through_pickle, work, [there])) == [(len(table),) * 3]
    assert there.path.read_bytes() == here.path.read_bytes()
