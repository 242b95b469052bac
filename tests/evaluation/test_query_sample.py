"""Which queries are measured, on which listings, and what counts as relevant."""

import numpy as np
import pytest

from vitrina.catalog.queries.query_pairs import QueryPairs, is_test_query
from vitrina.config.evaluation import EvaluateConfig
from vitrina.config.queries import QueryUseConfig
from vitrina.evaluation.measurement import UNSEEN_PRODUCTS, UNSEEN_QUERIES
from vitrina.evaluation.query_sample import QuerySample, choose_queries

USE = QueryUseConfig(query_test_fraction=0.4)
ROWS = 40
HELD_OUT = np.arange(30, ROWS)


@pytest.fixture
def pairs() -> QueryPairs:
    """Thirty queries with four listings each."""
    random = np.random.default_rng(0)
    query = np.repeat(np.arange(30), 4)
    row = np.concatenate([random.permutation(ROWS)[:4] for _ in range(30)])
    texts = [f"запрос {number}" for number in range(30)]
    return QueryPairs(texts, query, row, np.ones(len(row)))


def chosen(pairs: QueryPairs, **changes: int) -> QuerySample:
    config = EvaluateConfig(**changes)
    return choose_queries(pairs, ROWS, HELD_OUT, USE, config, seed=0)


def test_unseen_queries_have_all_their_listings(pairs: QueryPairs) -> None:
    """Only the held-out queries, and nothing is ignored."""
    sample = chosen(pairs)
    found = sample.ranked[UNSEEN_QUERIES]
    held_out = np.flatnonzero(is_test_query(pairs.texts, USE, 0))
    assert found.queries.tolist() == held_out.tolist()
    assert len(found.relevant) == 4 * len(held_out)
    assert len(found.ignored) == 0


def test_unseen_products_count_for_all_queries(pairs: QueryPairs) -> None:
    """Their held-out listings are relevant, those that were trained on are ignored."""
    sample = chosen(pairs)
    found = sample.ranked[UNSEEN_PRODUCTS]
    relevant, ignored = (sample.gallery[one.row] for one in (found.relevant, found.ignored))
    assert set(relevant) <= set(HELD_OUT)
    assert not set(ignored) & set(HELD_OUT)
    assert set(found.ignored.query) <= set(found.queries)
    of_one = found.queries[0]
    both = [*relevant[found.relevant.query == of_one], *ignored[found.ignored.query == of_one]]
    assert sorted(both) == sorted(pairs.row[pairs.query == of_one])


def test_the_gallery_has_what_is_needed_and_others_up_to_its_size(pairs: QueryPairs) -> None:
    """Held-out and relevant listings always, others by chance; the same for every model."""
    small, large = chosen(pairs, gallery_rows=2), chosen(pairs, gallery_rows=39)
    needed = set(HELD_OUT) | set(
        pairs.row[np.isin(pairs.query, small.ranked[UNSEEN_QUERIES].queries)]
    )
    assert set(small.gallery) == needed
    assert len(large.gallery) == 39
    assert set(large.gallery) > needed
    assert np.array_equal(large.gallery, chosen(pairs, gallery_rows=39).gallery)


def test_at_most_so_many_queries_of_each_kind(pairs: QueryPairs) -> None:
    """With all of their pairs."""
    sample = chosen(pairs, max_queries=3)
    for ranked in sample.ranked.values():
        assert len(ranked.queries) == 3
    assert len(sample.ranked[UNSEEN_QUERIES].relevant) == 12


def test_a_kind_without_queries_is_left_out(pairs: QueryPairs) -> None:
    """No query for a held-out listing, or none that is held out."""
    trained = pairs.part(np.ones(30, bool), np.arange(ROWS) < 30)
    assert UNSEEN_PRODUCTS not in chosen(trained).ranked
    learned = QueryPairs(pairs.texts, pairs.query, pairs.row, pairs.grade)
    use = QueryUseConfig(query_test_fraction=0)
    sample = choose_queries(learned, ROWS, HELD_OUT, use, EvaluateConfig(), seed=0)
    assert list(sample.ranked) == [UNSEEN_PRODUCTS]
