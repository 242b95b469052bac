"""Convert the leaves of Arrow arrays, however deep they are nested."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Convert = Callable[[pa.Array], pa.Array]


def map_leaves(array: pa.Array, convert: Convert) -> pa.Array:
    """The array with ``convert`` applied to each array in it that is of no nested type.

    Lists, structs and maps keep their shape and the names of their fields. Dictionaries become
    their values, list views large lists, and extension types their storage.
    """
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return map_leaves(array.storage, convert)
    if pa.types.is_dictionary(kind):
        return map_leaves(array.dictionary_decode(), convert)
    if pa.types.is_struct(kind):
        return _struct(array, convert)
    if pa.types.is_fixed_size_list(kind):
        return _fixed_size_list(array, convert)
    if pa.types.is_map(kind):
        return _map(array, convert)
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return map_leaves(_list_of_view(array), convert)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _list(array, convert)
    return convert(array)


def list_offsets(array: pa.Array) -> np.ndarray:
    """Where each list of a list or map array starts and ends in its values, int64 (rows + 1,)."""
    offsets: np.ndarray = array.offsets.to_numpy().astype(np.int64)
    return offsets if len(offsets) else np.zeros(1, np.int64)  # an array without rows may have none


def _list(array: pa.Array, convert: Convert) -> pa.Array:
    kind, offsets = array.type, list_offsets(array)
    values = map_leaves(array.values.slice(offsets[0], offsets[-1] - offsets[0]), convert)
    make, of, width = (
        (pa.LargeListArray, pa.large_list, pa.int64())
        if pa.types.is_large_list(kind)
        else (pa.ListArray, pa.list_, pa.int32())
    )
    new_kind = of(kind.value_field.with_type(values.type))
    starts = pa.array(offsets - offsets[0], width)
    return make.from_arrays(starts, values, type=new_kind, mask=_nulls(array))


def _list_of_view(array: pa.Array) -> pa.Array:
    """The lists of a list view; Arrow's own cast counts the values of null lists."""
    nulls = array.is_null().to_numpy(zero_copy_only=False)
    sizes = np.where(nulls, 0, array.sizes.to_numpy())
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int64())
    return pa.LargeListArray.from_arrays(
        offsets, array.flatten(), type=pa.large_list(array.type.value_field), mask=_nulls(array)
    )


def _map(array: pa.Array, convert: Convert) -> pa.Array:
    kind, offsets = array.type, list_offsets(array)
    start, length = offsets[0], offsets[-1] - offsets[0]
    keys = map_leaves(array.keys.slice(start, length), convert)
    items = map_leaves(array.items.slice(start, length), convert)
    fields = kind.key_field.with_type(keys.type), kind.item_field.with_type(items.type)
    starts = pa.array(offsets - start, pa.int32())
    new_kind = pa.map_(*fields, keys_sorted=kind.keys_sorted)
    return pa.MapArray.from_arrays(starts, keys, items, type=new_kind, mask=_nulls(array))


def _fixed_size_list(array: pa.Array, convert: Convert) -> pa.Array:
    kind, size = array.type, array.type.list_size
    values = map_leaves(array.values.slice(array.offset * size, len(array) * size), convert)
    new_kind = pa.list_(kind.value_field.with_type(values.type), size)
    return pa.FixedSizeListArray.from_arrays(values, type=new_kind, mask=_nulls(array))


def _struct(array: pa.Array, convert: Convert) -> pa.Array:
    if not array.type.num_fields:
        return array
    children = [map_leaves(array.field(index), convert) for index in range(array.type.num_fields)]
    fields = [
        field.with_type(child.type) for field, child in zip(array.type, children, strict=True)
    ]
    return pa.StructArray.from_arrays(children, fields=fields, mask=_nulls(array))


def _nulls(array: pa.Array) -> pa.Array | None:
    return pc.is_null(array) if array.null_count else None
