"""The hash of a listing's columns: equal for equal values, different for any other."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from vitrina.feed.columns_key import columns_keys

VALUES: list[tuple[pa.DataType, object, object]] = [
    (pa.string(), "кружка", "Кружка"),
    (pa.string(), "", None),
    (pa.dictionary(pa.int32(), pa.string()), "Дом", "Посуда"),
    (pa.int64(), 2**62, 2**62 + 1),
    (pa.float64(), 0.1, 0.1 + 2e-17 * 8),
    (pa.float64(), 0.0, None),
    (pa.bool_(), True, False),
    (pa.binary(), b"\xff\x00", b"\xff\x01"),
    (pa.decimal128(9, 2), Decimal("1.10"), Decimal("1.11")),
    (pa.timestamp("us", "UTC"), dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 2)),
    (pa.timestamp("s"), 10**12, 10**12 + 1),
    (pa.date32(), 10**7, None),
    (pa.list_(pa.string()), ["a", "b"], ["a", None]),
    (pa.struct([("path", pa.string())]), {"path": "x"}, {"path": "y"}),
    (pa.map_(pa.string(), pa.int64()), [("a", 1)], [("a", 2)]),
    (pa.null(), None, None),
]


def key(name: str, column_type: pa.DataType, value: object, root: str = "/shop") -> str:
    """The key of a listing with one column."""
    batch = pa.record_batch({"nm": [1], name: pa.array([value], column_type)})
    return columns_keys(batch, root)[0]


@pytest.mark.parametrize(("column_type", "value", "other"), VALUES, ids=lambda one: str(one))
def test_a_key_tells_values_of_any_type_apart(
    column_type: pa.DataType, value: object, other: object
) -> None:
    """Also a null from what would be written like one."""
    assert key("a", column_type, value) == key("a", column_type, value)
    if value != other:
        assert key("a", column_type, value) != key("a", column_type, other)
    assert key("a", column_type, value) != key("b", column_type, value)


def test_values_do_not_run_into_each_other() -> None:
    """Whatever stands between two columns could stand in one of them."""
    one = pa.record_batch({"a": ["x', 'y", "x"], "b": ["z", "y', 'z"]})
    assert len(set(columns_keys(one, "/shop"))) == 2


def test_neither_the_id_nor_the_place_of_the_store_counts() -> None:
    """A listing has the same key in a store that was moved; another image path is another key."""

    def of(nm: int, name: str, image_hash: str, root: str) -> str:
        path = f"{root}/images/{name}.jpg"
        columns = {"nm": [nm], "image_path": [path], "image_hash": [image_hash]}
        lists = {"image_paths": [[path, path]], "image_hashes": [[image_hash]]}
        return columns_keys(pa.record_batch(columns | lists), root)[0]

    keys = [
        of(1, "1", "a", "/shop"),
        of(2, "1", "b", "s3://bucket/shop"),
        of(1, "2", "a", "/shop"),
    ]
    assert keys[0] == keys[1] != keys[2]
