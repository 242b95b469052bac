"""Arrow types for JSON values, and arrays of them.

The type of many values is that which ``joined_type`` gives for the types of each, so it does not
depend on how they are read.
"""

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

INT64 = range(-(2**63), 2**63)
NUMBERS = {
    frozenset({int}): pa.int64(),
    frozenset({float}): pa.float64(),
    frozenset({int, float}): pa.float64(),
}
SIMPLE = {frozenset(): pa.null(), frozenset({str}): pa.string(), frozenset({bool}): pa.bool_()}


def json_type(values: Sequence[Any]) -> pa.DataType:
    """The type that holds all these values; text where they have nothing in common."""
    return _common_type(values) or pa.string()


def json_array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """The values in a type that holds them; as texts, what is none is JSON, or null if empty."""
    if pa.types.is_string(kind):
        return pa.array([_text(value) for value in values], kind)
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([_fitted(value, kind) for value in values], kind)


def _common_type(values: Sequence[Any]) -> pa.DataType | None:
    """None if there is none; an empty object has no fields, and counts as null."""
    values = [value for value in values if value is not None and value != {}]
    kinds = frozenset(map(type, values))
    if kinds == {dict}:
        return _struct_type(values)
    if kinds == {list}:
        inner = _common_type([one for value in values for one in value])
        return None if inner is None else pa.list_(inner)
    if kinds in NUMBERS:
        are_exact = all(value in INT64 for value in values if isinstance(value, int))
        return NUMBERS[kinds] if are_exact else None
    return SIMPLE.get(kinds)


def _struct_type(objects: Sequence[dict[str, Any]]) -> pa.DataType | None:
    names = dict.fromkeys(name for one in objects for name in one)
    fields = {name: _common_type([one.get(name) for one in objects]) for name in names}
    return None if None in fields.values() else pa.struct(list(fields.items()))


def _text(value: Any) -> str | None:
    if isinstance(value, str) or value is None:
        return value
    return None if value in ([], {}) else json.dumps(value, ensure_ascii=False)


def _fitted(value: Any, kind: pa.DataType) -> Any:
    """The value with empty objects as null and integers as floats, where the type says so."""
    if value is None or pa.types.is_null(kind):
        return None
    if pa.types.is_struct(kind):
        return {field.name: _fitted(value.get(field.name), field.type) for field in kind}
    if value == {}:
        return None
    if pa.types.is_list(kind):
        return [_fitted(one, kind.value_type) for one in value]
    return float(value) if pa.types.is_floating(kind) else value
