"""The set of ids kept so far."""

import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vitrina.catalog import kept_ids
from vitrina.catalog.kept_ids import KeptIds


@given(batches=st.lists(st.lists(st.integers(0, 30).map(str), max_size=8), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_a_set_in_order(monkeypatch: pytest.MonkeyPatch, batches: list[list[str]]) -> None:
    """An id is new once, in whichever run it lies by then."""
    monkeypatch.setattr(kept_ids, "RUN_IDS", 3)
    kept, known = KeptIds(), set[str]()
    for batch in batches:
        expected = []
        for nm in batch:
            expected.append(nm not in known)
            known.add(nm)
        assert kept.add(batch) == expected
    assert kept.count == len(known)


def test_hashes_that_share_a_half_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes billions of ids until two do."""
    monkeypatch.setattr(kept_ids, "RUN_IDS", 4)
    monkeypatch.setattr(kept_ids, "_digest", lambda nm: b"the same" + nm.rjust(8).encode())
    kept = KeptIds()
    assert kept.add(["a", "b", "c", "d"]) == [True] * 4
    assert len(kept.runs) == 1
    assert kept.add(["c", "e", "a", "d", "b", "e"]) == [False, True, False, False, False, False]


def test_integers_and_odd_texts_are_ids() -> None:
    """Half a pair of surrogates is no UTF-8."""
    kept = KeptIds()
    assert kept.add([1, -1, 1]) == [True, True, False]
    assert kept.add(["\ud800", "й", "\ud800"]) == [True, True, False]


def test_an_id_takes_few_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python set takes over 100 each."""
    monkeypatch.setattr(kept_ids, "RUN_IDS", 5_000)
    kept = KeptIds()
    for start in range(0, 100_000, 1_000):
        kept.add(range(start, start + 1_000))
    size = sum(half.nbytes for run in kept.runs for half in run) + sys.getsizeof(kept.recent)
    assert size / 100_000 < 20
    assert all(np.all(np.diff(run.first.astype(float)) >= 0) for run in kept.runs)
