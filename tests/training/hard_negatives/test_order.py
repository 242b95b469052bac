"""An epoch's order in which a share of each batch is groups."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vitrina.training.data import sampler
from vitrina.training.hard_negatives.order import grouped_order


def groups_of(rows: int, size: int, grouped: int, seed: int) -> list[np.ndarray]:
    """Some of the rows, cut into groups of up to this size; a last one of a single row is left."""
    drawn = np.random.default_rng(seed).permutation(rows)[:grouped]
    parts = [drawn[first : first + size] for first in range(0, len(drawn), size)]
    return [part for part in parts if len(part) > 1]


def batches_of(order: np.ndarray, steps: int) -> list[np.ndarray]:
    """The batches of an epoch."""
    return [sampler.batch(order, step, steps) for step in range(steps)]


def partners(batches: list[np.ndarray], groups: list[np.ndarray]) -> list[int]:
    """For each batch, how many of its rows have another row of their group in it."""
    group_of = {int(row): index for index, group in enumerate(groups) for row in group}
    found = []
    for batch in batches:
        labels = [group_of[row] for row in batch.tolist() if row in group_of]
        found.append(sum(labels.count(label) > 1 for label in labels))
    return found


@given(
    rows=st.integers(2, 400),
    batch_size=st.integers(2, 64),
    share=st.floats(0, 1),
    size=st.integers(2, 8),
    grouped=st.floats(0, 1),
    seed=st.integers(0, 3),
)
@settings(max_examples=100, deadline=None)
def test_an_epoch_has_every_row_once(
    rows: int, batch_size: int, share: float, size: int, grouped: float, seed: int
) -> None:
    """With any share of any groups, in batches of the same sizes as without."""
    steps = sampler.steps_per_epoch(rows, batch_size)
    sizes = sampler.batch_sizes(rows, steps)
    groups = groups_of(rows, size, int(grouped * rows), seed)
    order = grouped_order(groups, sizes, share, np.random.default_rng(seed))
    assert sorted(order.tolist()) == list(range(rows))
    assert [len(batch) for batch in batches_of(order, steps)] == sizes


def test_a_share_of_every_batch_is_groups_and_far_less_at_random() -> None:
    """Half of each batch of 32 are groups of four; in a random order hardly any are."""
    groups = groups_of(640, 4, 640, seed=0)
    steps = sampler.steps_per_epoch(640, 32)
    order = grouped_order(
        groups, sampler.batch_sizes(640, steps), 0.5, np.random.default_rng((0, 1))
    )
    found = partners(batches_of(order, steps), groups)
    assert min(found) >= 16
    random = partners(batches_of(sampler.shuffled(640, 0, 1), steps), groups)
    assert sum(random) < 0.4 * sum(found)


def test_few_groups_are_spread_over_the_batches() -> None:
    """Six groups in three batches are two in each, though one batch has room for all."""
    groups = [np.array([row, row + 1]) for row in range(0, 12, 2)]
    order = grouped_order(groups, [20] * 3, 1, np.random.default_rng(0))
    grouped = [int((batch[:4] < 12).sum()) for batch in np.split(order, 3)]
    assert grouped == [4, 4, 4]


def test_a_batch_without_room_for_a_pair_has_no_group() -> None:
    """A single row of a group is no hard negative: all rows are in a random order."""
    groups = [np.array([0, 1]), np.array([2, 3])]
    order = grouped_order(groups, [4, 4], 0.25, np.random.default_rng(3))
    assert np.array_equal(order, np.random.default_rng(3).permutation(8))
