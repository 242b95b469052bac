"""Which rows form which batch."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vitrina.training.data import sampler


@given(rows=st.integers(2, 500), size=st.integers(2, 64), seed=st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_an_epoch_has_every_row_once_in_batches_of_even_size(
    rows: int, size: int, seed: int
) -> None:
    """No row is lost or seen twice, no batch is larger than asked or a straggler of one."""
    order, steps = sampler.shuffled(rows, seed, 3), sampler.steps_per_epoch(rows, size)
    batches = [sampler.batch(order, step, steps) for step in range(steps)]
    assert sorted(np.concatenate(batches)) == list(range(rows))
    sizes = {len(batch) for batch in batches}
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1


def test_epochs_differ_and_a_seed_repeats_them() -> None:
    """The order is another in each epoch, and the same for the same seed and epoch."""
    assert not np.array_equal(sampler.shuffled(50, 0, 0), sampler.shuffled(50, 0, 1))
    assert np.array_equal(sampler.shuffled(50, 4, 1), sampler.shuffled(50, 4, 1))


def test_listings_of_one_product_are_spread_over_batches() -> None:
    """With same_products spread, no batch holds two of a group that fits in the batches."""
    groups = np.repeat(np.arange(400), [6 if group < 50 else 1 for group in range(400)])
    order = sampler.spread(groups, 0, 0)
    assert sorted(order) == list(range(len(groups)))
    steps = sampler.steps_per_epoch(len(groups), 32)
    batches = [sampler.batch(order, step, steps) for step in range(steps)]
    assert all(len(set(groups[batch])) == len(batch) for batch in batches)
    plain = sampler.shuffled(len(groups), 0, 0)
    mixed = [sampler.batch(plain, step, steps) for step in range(steps)]
    assert not all(len(set(groups[batch])) == len(batch) for batch in mixed)
    assert not np.array_equal(order, sampler.spread(groups, 0, 1))
