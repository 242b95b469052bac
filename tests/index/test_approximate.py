"""How much of an index a search has to look at."""

import pytest

from vitrina.index.approximate import efforts


@pytest.mark.parametrize("partitions", [1, 5, 20, 100, 2_500])
def test_no_effort_is_tried_twice(partitions: int) -> None:
    """A small table has few: all of its partitions, with more and more candidates."""
    found = efforts(partitions)
    assert len(set(found)) == len(found)
    assert found == sorted(found)
    assert found[-1] == (partitions, 100)
    assert all(probes <= partitions for probes, _ in found)
    if partitions <= 20:
        assert found == [(partitions, 5), (partitions, 20), (partitions, 100)]
