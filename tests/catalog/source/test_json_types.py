"""The types of JSON values."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitrina.catalog.source.column_join import joined_type
from vitrina.catalog.source.json_types import json_array, json_type

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([None], pa.null()),
        ([1, None], pa.int64()),
        ([1, 2.5], pa.float64()),
        ([2**63], pa.string()),
        ([[1], []], pa.list_(pa.int64())),
        ([{"a": 1}, {}, {"b": "x"}], pa.struct([("a", pa.int64()), ("b", pa.string())])),
        ([{}], pa.null()),
        ([True, 0], pa.string()),
    ],
)
def test_values_have_the_narrowest_type(values: list[Any], kind: pa.DataType) -> None:
    """Text where there is none, and none of Parquet's that cannot be written."""
    assert json_type(values) == kind


@settings(max_examples=400)
@given(st.lists(VALUES, min_size=1, max_size=4), st.integers(0, 4))
def test_the_type_does_not_depend_on_the_batch(values: list[Any], cut: int) -> None:
    """That of all values is the one joined from those of two batches, and it holds them."""
    kind = json_type(values)
    assert joined_type(json_type(values[:cut]), json_type(values[cut:])) == kind
    assert json_array(values, kind).type == kind
    assert json_array(values[:cut], kind).to_pylist() == json_array(values, kind).to_pylist()[:cut]
