"""Ranks of relevant items against comparing every score, however the matrix is cut into tiles."""

import numpy as np
import pytest

from vitrina.evaluation import ranks
from vitrina.evaluation.metrics import retrieval_metrics
from vitrina.evaluation.ranks import TIE, rank_both_ways


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def random_pairs(rows: int, dim: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    text = rng.standard_normal((rows, dim))
    return unit(text), unit(text + rng.standard_normal((rows, dim)))


def test_every_relevant_item_is_ranked_among_all_scores() -> None:
    """For each query and relevant item: how many scores are higher, and how many tie."""
    text, image = random_pairs(90, 12, seed=1)
    group = np.random.default_rng(2).integers(0, 30, 90)
    for result, scores in zip(
        rank_both_ways(text, image, group), (text @ image.T, image @ text.T), strict=True
    ):
        for query in range(90):
            best_first = -np.sort(-scores[query, group == group[query]])
            assert result.relevant.relevant[query] == len(best_first)
            for column, score in enumerate(best_first[: ranks.TOP]):
                higher = int(np.sum(scores[query] > score + TIE))
                assert result.higher[query, column] == higher
                assert result.tied[query, column] == np.sum(np.abs(scores[query] - score) <= TIE)
            assert not result.tied[query, len(best_first) :].any()


@pytest.mark.parametrize("tile", [(1, 8), (7, 24), (64, 16), (300, 1_000)])
def test_tiles_do_not_change_the_metrics(
    tile: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the score matrix is cut, the metrics are the same."""
    image, text = random_pairs(150, 16, seed=3)
    group = np.random.default_rng(4).integers(0, 60, 150)
    whole = retrieval_metrics(image, text, group)
    monkeypatch.setattr(ranks, "TILE", tile)
    assert retrieval_metrics(image, text, group) == pytest.approx(whole)


def test_counts_of_the_largest_tile_are_exact() -> None:
    """Counts along both sides of a whole tile, and of a longer one, are those of NumPy."""
    rng = np.random.default_rng(0)
    for shape in (ranks.TILE, (1_000, 4_803)):
        flags = rng.random(shape) < 0.9
        for axis in (0, 1):
            np.testing.assert_array_equal(
                ranks._count(flags, axis), np.count_nonzero(flags, axis=axis)
            )
        assert max(shape) <= np.iinfo(ranks._count(flags, 0).dtype).max


def test_all_rows_of_a_collapsed_model_tie() -> None:
    """Counts add up over tiles: with equal vectors every item ties with every other."""
    rows = ranks.TILE[1] + ranks.TILE[0] + 5
    same = unit(np.ones((rows, 4)))
    for result in rank_both_ways(same, same):
        assert (result.higher == 0).all()
        assert (result.tied == rows).all()
