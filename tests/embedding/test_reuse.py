"""The index of vectors to reuse, on real shards."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from upath import UPath

from tests.support.embedding import origin
from vitrina.embedding.reuse import ReuseIndex
from vitrina.embedding.rows import Rows
from vitrina.embedding.shard_file import write_shard


@pytest.fixture
def shards(tmp_path: Path) -> list[UPath]:
    """Three shards of two keys each, whose vectors hold the number of the shard."""
    paths = []
    for number, letters in enumerate(("ab", "cd", "ef")):
        keys, vectors = list(letters), np.full((2, 4), number, np.float32)
        paths.append(UPath(tmp_path / f"{number}.parquet"))
        write_shard(
            paths[-1], Rows(range(2), keys, keys, keys, keys), vectors, vectors, origin("cpu")
        )
    return paths


def test_wrong_key_behind_an_equal_hash_is_not_reused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 bits may collide in a large catalogue; the whole key decides."""
    monkeypatch.setattr(
        "vitrina.embedding.reuse._hashes", lambda keys: np.zeros(len(keys), np.uint64)
    )
    rows = Rows([1], ["a"], ["a.jpg"], ["text of a"], ["image of a"])
    shard = UPath(tmp_path / "part.parquet")
    write_shard(
        shard, rows, np.ones((1, 4), np.float32), np.ones((1, 4), np.float32), origin("cpu")
    )
    vectors, known = ReuseIndex.of([shard], "text").lookup(["text of b", "text of a"], 4)
    assert known.tolist() == [False, True]
    assert vectors.tolist() == [[0] * 4, [1] * 4]


def test_known_vectors_are_found_in_their_shard(shards: list[UPath]) -> None:
    """Unknown keys have zeros; a key that is asked for twice is found twice."""
    vectors, known = ReuseIndex.of(shards, "img").lookup(["f", "x", "a", "f"], 4)
    assert known.tolist() == [True, False, True, True]
    assert vectors[:, 0].tolist() == [2, 0, 0, 2]
    assert vectors.dtype == np.float32


def test_only_shards_that_hold_a_key_are_read(shards: list[UPath]) -> None:
    """A shard that holds none of the keys need not even be there."""
    index = ReuseIndex.of(shards, "text")
    shards[1].unlink()
    _, known = index.lookup(["a", "e"], 4)
    assert known.all()


def test_a_subset_is_small_and_gives_the_same(shards: list[UPath]) -> None:
    """It names only the shards that its keys are in, also once it was pickled."""
    index = ReuseIndex.of(shards, "text")
    subset = pickle.loads(pickle.dumps(index.subset(["e", "x", "a", "e"])))
    assert subset.shards == [shards[0], shards[2]]
    assert len(subset.hashes) == len(subset.positions) == 2
    for keys in (["e", "a"], ["x"]):
        vectors, known = subset.lookup(keys, 4)
        expected, expected_known = index.lookup(keys, 4)
        np.testing.assert_array_equal(vectors, expected)
        assert known.tolist() == expected_known.tolist()
    assert not subset.lookup(["b"], 4)[1].any()  # was not asked for


def test_without_shards_nothing_is_known() -> None:
    """A first embedding has nothing to reuse."""
    index = ReuseIndex.of([], "text")
    assert not index.subset(["a"]).shards
    vectors, known = index.lookup(["a", "b"], 3)
    assert vectors.tolist() == [[0] * 3] * 2
    assert not known.any()
