"""Converting the leaves of nested arrays leaves their shape alone."""

import pyarrow as pa
import pytest

from vitrina.catalog.arrow_leaves import map_leaves

FIELD = pa.struct([pa.field("a", pa.string(), nullable=False), pa.field("b", pa.list_(pa.int8()))])
NESTED = [
    pa.array([["a"], None, [], ["b", None]], pa.list_(pa.string())),
    pa.array([["a"], None, [], ["b", None]], pa.large_list(pa.string_view())),
    pa.array([["a"], None, [], ["b", None]], pa.list_view(pa.string())),
    pa.array([["a"], None, [], ["b", None]], pa.large_list_view(pa.string())),
    pa.array([["a", "b"], None, ["c", "d"]], pa.list_(pa.string(), 2)),
    pa.array([{"a": "x", "b": [1]}, None, {"a": "y", "b": None}], FIELD),
    pa.array([[("a", [1])], None, [], [("b", None)]], pa.map_(pa.string(), pa.list_(pa.int64()))),
    pa.array([["a"], None, ["b"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
    pa.array([{}, None, {}], pa.struct([])),
]


@pytest.mark.parametrize("array", NESTED, ids=lambda array: str(array.type))
def test_values_and_nulls_stay_where_they_are(array: pa.Array) -> None:
    """Also in slices, in arrays without rows, and where every row is null."""
    nulls = pa.nulls(2, array.type)
    for part in (array, array.slice(1), array.slice(2, 1), array.slice(0, 0), nulls):
        mapped = map_leaves(part, lambda leaves: leaves)
        mapped.validate(full=True)
        assert mapped.to_pylist() == part.to_pylist()


@pytest.mark.parametrize("array", NESTED, ids=lambda array: str(array.type))
def test_every_leaf_is_converted(array: pa.Array) -> None:
    """However deep it is; names, and which fields may be null, stay."""
    mapped = map_leaves(array, lambda leaves: pa.nulls(len(leaves), pa.bool_()).fill_null(True))
    mapped.validate(full=True)
    assert "string" not in str(mapped.type)
    assert "int" not in str(mapped.type)


def test_a_types_names_and_flags_are_kept() -> None:
    """So an array in which nothing changes keeps its type."""
    assert map_leaves(pa.nulls(1, FIELD), lambda leaves: leaves).type == FIELD
