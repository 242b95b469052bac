"""Which query a listing is paired with, and what else is relevant to it."""

import pickle
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch

from tests.support.small_training import ROWS, small_config
from tests.support.typed_queries import USE, query_pairs, small_queries
from vitrina.catalog.queries.query_pairs import QueryPairs, is_test_query
from vitrina.model.model import RuCLIP
from vitrina.training.data.batches import BatchDataset
from vitrina.training.data.pairs import pairs_from
from vitrina.training.data.pixels import pixels_of
from vitrina.training.data.queries import NONE, QuerySampler, training_queries, within
from vitrina.training.distributed import World

PAIRS = QueryPairs(
    ["а", "б", "в"], np.array([0, 0, 1, 2]), np.array([0, 2, 2, 3]), np.array([1.0, 3, 1, 4])
)


@pytest.fixture
def sampler() -> QuerySampler:
    """Five listings, the last two of one product; the second has no query."""
    return QuerySampler(PAIRS, np.array([10, 11, 12, 13, 13]))


def test_queries_are_drawn_by_their_grade(sampler: QuerySampler) -> None:
    """Three times as often if it is three times as high; nothing for a listing without."""
    random = np.random.default_rng(0)
    drawn = Counter(sampler.draw(2, random) for _ in range(4_000))
    assert drawn.keys() == {0, 1}
    assert drawn[0] / drawn[1] == pytest.approx(3, rel=0.15)
    assert {sampler.draw(0, random) for _ in range(20)} == {0}
    assert sampler.draw(1, random) == sampler.draw(4, random) == NONE


def test_a_listing_counts_by_all_its_grades(sampler: QuerySampler) -> None:
    """1 on average over those with a query, so the loss keeps its size."""
    weights = sampler.weights(np.arange(5))
    assert weights.tolist() == pytest.approx([1 / 3, 0, 4 / 3, 4 / 3, 0])
    assert weights[weights > 0].mean() == pytest.approx(1)


def test_every_listing_of_a_chosen_product_is_relevant(sampler: QuerySampler) -> None:
    """The fifth listing was never clicked, but is another offer of the fourth; NONE has nothing."""
    relevant = sampler.relevant(np.array([0, 2, NONE]), np.array([0, 2, 3, 4]))
    assert relevant.tolist() == [
        [True, True, False, False],
        [False, False, True, True],
        [False, False, False, False],
    ]


def test_pairs_of_a_part_have_its_row_numbers() -> None:
    """Rows that are not in the part are left out, and so are queries if a mask says so."""
    part = within(PAIRS, np.array([2, 3, 9]))
    assert (part.query.tolist(), part.row.tolist()) == ([0, 1, 2], [0, 0, 1])
    assert within(PAIRS, np.array([0]), np.array([False, True, True])).row.tolist() == []


def test_held_out_queries_are_never_learned_from(table: pd.DataFrame) -> None:
    """Neither with training rows nor in the validation."""
    pairs = query_pairs(table)
    use = USE.model_copy(update={"query_test_fraction": 0.4})
    queries = training_queries(pairs, np.arange(ROWS), np.arange(ROWS, len(table)), use, 0)
    held_out = set(np.flatnonzero(is_test_query(pairs.texts, use, 0)))
    assert 0 < len(held_out) < len(pairs.texts)
    learned = {*queries.trained.query, *queries.held_out.query}
    assert learned
    assert not learned & held_out
    assert queries.trained.row.max() < ROWS
    assert queries.held_out.row.max() < len(table) - ROWS


@pytest.mark.parametrize("world", [World(), World(rank=1, size=3)])
def test_a_batch_has_a_query_for_each_row_the_same_in_any_process(
    table: pd.DataFrame, model: RuCLIP, world: World
) -> None:
    """Ids of this process's part, weights and relevance of the whole batch; also after pickling."""
    pairs, config = pairs_from(table[:ROWS]), small_config(batch_size=9)
    pixels, sampler = (
        pixels_of(pairs, model, 0),
        QuerySampler(small_queries(table, ROWS).trained, pairs.groups),
    )
    whole = BatchDataset(pairs, pixels, model, config, World(), sampler)[1].queries
    dataset = BatchDataset(pairs, pixels, model, config, world, sampler)
    again = pickle.loads(pickle.dumps(dataset))[1].queries
    batch = dataset[1].queries
    assert whole is not None
    assert batch is not None
    own = world.local_slice(len(whole.weights))
    length = batch.ids.shape[1]
    assert torch.equal(batch.ids, whole.ids[own][:, :length])
    assert torch.equal(batch.weights, whole.weights)
    assert torch.equal(batch.relevant, whole.relevant)
    assert torch.equal(batch.relevant.diagonal(), batch.weights > 0)
    assert torch.equal(again.ids, batch.ids)
    assert BatchDataset(pairs, pixels, model, config, world)[1].queries is None
