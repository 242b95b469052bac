"""Near pairs among many: exact, or by neighbouring cells."""

from functools import partial

import numpy as np
import pytest

from tests.support.constructed_run import ConstructedRun
from vitrina.duplicates import candidates, cells
from vitrina.duplicates.candidates import FLOOR_NEIGHBOURS, near_cosine, near_pairs
from vitrina.duplicates.pairs import Pairs
from vitrina.duplicates.vectors import Vectors
from vitrina.embedding.vector_file import VectorFile

ROWS = np.arange(0, 3_000, 2)  # some rows of the table, as where copies are left out


@pytest.fixture(scope="module")
def vectors(run: ConstructedRun) -> Vectors:
    """The vectors of the listings, images weighing more than titles."""
    return Vectors(VectorFile.open(run.made.npz), (0.4, 0.6))


@pytest.fixture(scope="module")
def floor(vectors: Vectors) -> float:
    """The least cosine of a candidate."""
    return near_cosine(vectors, ROWS)


def by_brute_force(vectors: Vectors, floor: float, most: int) -> Pairs:
    """All pairs by one product."""
    all_vectors = vectors.read(ROWS)
    cosine = np.triu(all_vectors @ all_vectors.T, 1)
    one, other = np.nonzero(cosine >= floor)
    return Pairs.joined([Pairs.of(ROWS[one], ROWS[other], cosine[one, other])]).nearest(most)


def test_a_listing_has_some_ten_near_ones(vectors: Vectors, floor: float) -> None:
    """What is near is estimated on a sample, and about right."""
    pairs = by_brute_force(vectors, floor, 10_000)
    assert 2 * len(pairs) / len(ROWS) == pytest.approx(FLOOR_NEIGHBOURS, rel=0.2)
    assert near_cosine(vectors, np.arange(8)) == -1


@pytest.mark.parametrize("most", [3, 100])
def test_blocks_give_what_one_product_does(
    most: int, vectors: Vectors, floor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often the pairs found so far are reduced to the nearest."""
    monkeypatch.setattr(candidates, "BLOCK", 128)
    monkeypatch.setattr(candidates, "PART_PAIRS", 500)
    monkeypatch.setattr(candidates, "NEIGHBOURS", most)
    seen: list[tuple[int, int]] = []
    found = near_pairs(vectors, ROWS, floor, len(ROWS), lambda *done: seen.append(done))
    expected = by_brute_force(vectors, floor, most)
    np.testing.assert_array_equal(found.keys(), expected.keys())
    np.testing.assert_allclose(found.cosine, expected.cosine, atol=1e-6)
    assert seen[-1] == (len(ROWS), len(ROWS))


def test_cells_miss_almost_no_near_pair(
    vectors: Vectors, floor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of all comparisons find more than 98% of the pairs, and all that are very near."""
    monkeypatch.setattr(cells, "ROWS_PER_CELL", 64)
    compared = 0
    compare = candidates._compare

    def counting(*arguments: object) -> object:
        nonlocal compared
        others, rows = arguments[-1]  # type: ignore[misc]  # a comparison
        compared += sum(map(len, others)) * len(rows)
        return compare(*arguments)  # type: ignore[arg-type]  # passed on as they come

    monkeypatch.setattr(candidates, "_compare", counting)
    found = near_pairs(vectors, ROWS, floor, 0)
    expected = by_brute_force(vectors, floor, 100)
    hit = np.isin(expected.keys(), found.keys())
    assert hit.mean() > 0.98
    assert hit[expected.cosine > 0.95].all()
    assert compared < 0.5 * len(ROWS) ** 2


def test_an_error_in_a_thread_is_raised(
    vectors: Vectors, floor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not lost, and without a hang."""
    monkeypatch.setattr(candidates, "_compare", partial(divmod, 1))
    with pytest.raises(TypeError):
        near_pairs(vectors, ROWS, floor, len(ROWS))
