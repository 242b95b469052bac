"""A hash of a table's values, independent of file format, writer and batch size."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vitrina.store.fingerprint import fingerprint


class ContentHash:
    """Hashes a table batch by batch; equal columns in equal order give equal hashes.

    Two batches of 1,000 rows and one of 2,000 give the same hash. The values are hashed as Arrow
    holds them, never as Python objects, so every value has a hash: dates beyond Python's, unknown
    time zones, text that is not UTF-8. How a column is stored does not count: a dictionary has the
    hash of its values, an extension type that of its storage. One batch is in memory at a time.
    """

    def __init__(self) -> None:
        self._streams: dict[str, hashlib.blake2b] = {}

    def update(self, batch: pa.RecordBatch) -> None:
        """Add the rows of a batch; every batch must have the columns of the first."""
        if not batch.num_rows:
            return  # so that an empty batch more or less changes nothing
        for index, (name, column) in enumerate(zip(batch.schema.names, batch.columns, strict=True)):
            self._add(f"{index} {name}", column)

    def hexdigest(self) -> str:
        """The hash of the columns' names, types and values."""
        return fingerprint(
            [(name, hasher.hexdigest()) for name, hasher in sorted(self._streams.items())]
        )

    def _add(self, path: str, array: pa.Array) -> None:
        """Add an array: which of its values are null, then the others.

        Each array is one or more streams of bytes: values of a fixed width, the lengths and the
        bytes of texts, the lengths of lists and, under a path of their own, the values in them.
        """
        array = _values(array)
        kind = array.type
        self._write(f"{path} valid", _bytes(array.is_valid().cast(pa.uint8())))
        if pa.types.is_struct(kind):
            for index, (field, values) in enumerate(zip(kind, array.flatten(), strict=True)):
                self._add(f"{path}.{index} {field.name}", values)
        elif pa.types.is_fixed_size_list(kind):
            self._add(f"{path}[{kind.list_size}]", array.flatten())
        elif pa.types.is_large_list(kind):
            lengths = array.value_lengths().fill_null(0)
            self._write(f"{path} lengths", _bytes(lengths))
            self._add(f"{path}[]", array.flatten())
        elif not pa.types.is_null(kind):
            self._add_leaves(path, array.drop_null() if array.null_count else array)

    def _add_leaves(self, path: str, array: pa.Array) -> None:
        kind = array.type
        if not pa.types.is_large_string(kind) and not pa.types.is_large_binary(kind):
            self._write(f"{path}: {kind}", _bytes(array))
            return
        self._write(f"{path} lengths", _bytes(pc.binary_length(array)))
        _, offsets, data = array.buffers()
        bounds = np.frombuffer(offsets or b"", np.int64)[array.offset :][: len(array) + 1]
        texts = memoryview(data)[bounds[0] : bounds[-1]] if data and len(bounds) else b""
        self._write(f"{path}: {kind}", texts)

    def _write(self, name: str, content: bytes | memoryview) -> None:
        self._streams.setdefault(name, hashlib.blake2b(digest_size=16)).update(content)


def _values(array: pa.Array) -> pa.Array:
    """The array in one of few types, whatever it is stored as."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return _values(array.storage)
    if pa.types.is_dictionary(kind):
        return _values(array.dictionary_decode())
    if pa.types.is_boolean(kind):
        return array.cast(pa.uint8())
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return array.cast(pa.large_string())
    if pa.types.is_binary(kind) or pa.types.is_binary_view(kind):
        return array.cast(pa.large_binary())
    if pa.types.is_map(kind):
        return _values(array.cast(pa.list_(pa.struct([kind.key_field, kind.item_field]))))
    if pa.types.is_list(kind):
        return array.cast(pa.large_list(kind.value_field))
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return _list_of_view(array)
    return array


def _list_of_view(array: pa.Array) -> pa.Array:
    """The lists of a list view; Arrow's own cast counts the values of null lists."""
    nulls = array.is_null()
    sizes = np.where(nulls.to_numpy(zero_copy_only=False), 0, array.sizes.to_numpy())
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int64())
    return pa.LargeListArray.from_arrays(offsets, array.flatten(), mask=nulls)


def _bytes(array: pa.Array) -> memoryview:
    """The bytes of an array of a fixed width without nulls."""
    width = array.type.bit_width // 8
    data = memoryview(array.buffers()[1] or b"")
    return data[array.offset * width : (array.offset + len(array)) * width]
