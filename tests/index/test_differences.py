"""Which rows differ between two states of a table."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from vitrina.index.differences import RowKeys, differences, id_numbers

STATES = st.dictionaries(st.integers(-5, 15), st.integers(0, 3), max_size=12)


def row_keys(state: dict[int, int]) -> RowKeys:
    """The keys of rows by id."""
    return RowKeys(np.array([*state], np.int64), np.array([*state.values()], np.int64))


@given(present=STATES, wanted=STATES)
def test_written_and_removed_rows_make_the_wanted_state(
    present: dict[int, int], wanted: dict[int, int]
) -> None:
    """Nothing else is written, whatever the order of the rows."""
    found = differences(row_keys(present), row_keys(wanted))
    written = {nm for nm, write in zip(wanted, found.written.tolist(), strict=True) if write}
    assert written == {nm for nm, key in wanted.items() if present.get(nm) != key}
    assert set(found.removed.tolist()) == present.keys() - wanted.keys()
    assert found.count == len(written) + len(found.removed)


@given(state=STATES)
def test_the_checksum_does_not_depend_on_the_order(state: dict[int, int]) -> None:
    """It tells states apart by any row."""
    again = dict(sorted(state.items(), reverse=True))
    assert row_keys(state).checksum == row_keys(again).checksum
    assert row_keys(state | {99: 1}).checksum != row_keys(state).checksum


def test_text_ids_are_hashed() -> None:
    """007 is not 7, and equal texts are equal."""
    first, other, same = id_numbers(pa.array(["007", "7", "007"])).tolist()
    assert first == same != other
    assert id_numbers(pa.array([7, -1])).tolist() == [7, -1]
