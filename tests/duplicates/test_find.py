"""Duplicates among constructed listings, whose products are known."""

import numpy as np
import pytest

from benchmarks.constructed import LABELLED, TRUTH
from tests.support.constructed_run import ConstructedRun
from vitrina.config.duplicates import DuplicatesConfig
from vitrina.duplicates.known import Kind
from vitrina.errors import UserError


@pytest.mark.parametrize("precision", [0.8, 0.95])
def test_the_precision_asked_for_is_the_precision_got(
    precision: float, run: ConstructedRun
) -> None:
    """By the products of a third of the listings, on pairs with another title and image."""
    found = run.find(DuplicatesConfig(group_column=LABELLED, precision=precision))
    similar = found.pairs.kind == Kind.SIMILAR
    assert run.right(found)[similar].mean() == pytest.approx(precision, abs=0.06)
    recall = run.quality(found)[1]
    assert recall > 0.7
    assert found.judgement.recall == pytest.approx(recall, abs=0.08)


def test_without_labels_the_precision_is_a_lower_bound(run: ConstructedRun) -> None:
    """All that share a title or an image are found, and hardly a wrong pair."""
    found = run.find(DuplicatesConfig())
    precision, recall = run.quality(found)
    assert precision >= found.judgement.similar.precision >= 0.95
    assert recall > 0.4
    assert len(np.unique(found.pairs.kind)) == len(Kind)


def test_cells_find_what_all_pairs_do(run: ConstructedRun) -> None:
    """Nearly: the least cosine may differ by a pair or two."""
    config = DuplicatesConfig(group_column=LABELLED)
    exact = run.find(config)
    cells = run.find(config.model_copy(update={"exact_rows": 0}))
    one, other = (
        {*zip(found.pairs.first.tolist(), found.pairs.second.tolist(), strict=True)}
        for found in (exact, cells)
    )
    assert len(one & other) > 0.97 * len(one | other)


def test_pairs_come_with_all_cosines_nearest_first(run: ConstructedRun) -> None:
    """Copies have cosines of 1, titles that are the same have one of 1."""
    pairs = run.find(DuplicatesConfig(image_weight=0.25, cosine=0.9)).pairs
    assert (np.diff(pairs.cosine) <= 0).all()
    expected = 0.75 * pairs.text + 0.25 * pairs.image
    np.testing.assert_allclose(pairs.cosine, expected, atol=1e-5)
    np.testing.assert_allclose(pairs.text[pairs.kind == Kind.TITLE], 1, atol=1e-5)
    np.testing.assert_allclose(pairs.image[pairs.kind == Kind.COPY], 1, atol=1e-5)
    assert (pairs.cosine[pairs.kind == Kind.SIMILAR] >= 0.9).all()


def test_groups_hold_each_listing_once(run: ConstructedRun) -> None:
    """The representative first; every other one has a pair with it, or with its own copy."""
    found = run.find(DuplicatesConfig(cosine=0.9))
    members = found.members
    assert len(np.unique(members.row)) == len(members.row)
    starts = np.flatnonzero(np.diff(members.group, prepend=-1))
    np.testing.assert_array_equal(members.row[starts], members.representative[starts])
    assert (np.diff(starts) > 1).all()
    sizes = np.diff(np.append(starts, len(members.row)))
    assert (np.diff(sizes) <= 0).all(), "the largest first"
    assert (members.cosine[starts] == 1).all()
    assert run.made.product[members.row].size > 500


def test_columns_in_which_duplicates_never_differ_are_respected(run: ConstructedRun) -> None:
    """Pairs that do are left out, also those with the same title."""
    loose = run.find(DuplicatesConfig(cosine=0.8))
    strict = run.find(DuplicatesConfig(cosine=0.8, distinct_columns=(TRUTH,)))
    assert run.right(loose).mean() < 0.9
    assert run.right(strict).all()
    assert run.right(strict).sum() == run.right(loose).sum()


def test_an_unknown_column_is_named(run: ConstructedRun) -> None:
    """Before anything is compared."""
    with pytest.raises(UserError, match="no column 'artikel'"):
        run.find(DuplicatesConfig(group_column="artikel"))
