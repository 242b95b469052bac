"""References to images that a catalogue holds as bytes: the cleaned table has no copy of them.

Images are far larger than all the rest of their rows, and the catalogue is still there when they
are resized. So a cleaned column of images says where in the catalogue each is, how large it is, and
a hash of it. Hugging Face's images are structs of bytes and a path: where the bytes are null, the
path counts, as do bytes that are text.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from vitrina.catalog.arrow_leaves import map_leaves
from vitrina.catalog.carried import unview
from vitrina.catalog.column_types import is_bytes_type, is_list_type

MAX_PATH_BYTES = 4_096  # longer bytes are no path, even if they are text
BYTES, PATH = "bytes", "path"  # the fields of Hugging Face's structs


class CatalogImage(NamedTuple):
    """Where a catalogue holds an image."""

    part: int  # file of the catalogue, counted from 0
    row: int  # in that file, counted from 0
    item: int  # in the row's list, counted from 0
    size: int  # bytes
    hash: int  # see hash_bytes


REF = pa.struct(
    [
        (PATH, pa.string()),  # of an image that is not in the catalogue; then the rest is null
        ("part", pa.int32()),
        ("row", pa.int64()),
        ("item", pa.int32()),
        ("size", pa.int64()),
        ("hash", pa.uint64()),
    ]
)


def ref_type(column_type: pa.DataType) -> pa.DataType | None:
    """The type of references to the images of a column; None if its type holds no bytes."""
    if isinstance(column_type, pa.BaseExtensionType):
        return ref_type(column_type.storage_type)
    if is_list_type(column_type):
        item = ref_type(column_type.value_type)
        return pa.list_(REF) if item == REF else None
    if pa.types.is_struct(column_type):
        index = column_type.get_field_index(BYTES)
        return REF if index >= 0 and is_bytes_type(column_type.field(index).type) else None
    return REF if is_bytes_type(column_type) else None


def without_refs(schema: pa.Schema) -> pa.Schema:
    """A cleaned table's schema without its column of references, which only resizing needs."""
    kinds = (REF, pa.list_(REF))
    return pa.schema([field for field in schema if field.type not in kinds])


def image_refs(column: pa.Array, rows: Sequence[int], part: int, first_row: int) -> pa.Array:
    """References to the images in some rows of a column, whose first row has a number in its part.

    Of the column's ``ref_type``. The bytes are hashed where they are, and not copied.
    """
    kind = ref_type(column.type)
    column = map_leaves(column, unview)
    refs = []
    for row in rows:
        found = [
            _ref(one, part, first_row + row, item) for item, one in enumerate(_items(column[row]))
        ]
        refs.append(found if kind != REF else found[0] if found else None)
    return pa.array(refs, kind)


def image_at(value: pa.Scalar, item: int) -> pa.Buffer | None:
    """The bytes of one of a row's images; None if it has none there."""
    items = _items(value)
    return _bytes(items[item]) if item < len(items) else None


def hash_bytes(data: pa.Buffer) -> int:
    """A 64-bit hash."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _items(value: pa.Scalar) -> Sequence[pa.Scalar]:
    """The images of a row."""
    if not value.is_valid:
        return []
    return value.values if isinstance(value, pa.ListScalar) else [value]


def _ref(value: pa.Scalar, part: int, row: int, item: int) -> dict[str, Any] | None:
    data = _bytes(value)
    if data is None:
        path = _path(value)
        return {PATH: path} if path else None
    if (path := _as_text(data)) is not None:
        return {PATH: path}
    return CatalogImage(part, row, item, data.size, hash_bytes(data))._asdict()


def _bytes(value: pa.Scalar) -> pa.Buffer | None:
    if value.is_valid and isinstance(value, pa.StructScalar):
        value = value[BYTES]
    return value.as_buffer() if value.is_valid else None


def _path(value: pa.Scalar) -> str | None:
    """The path of a struct whose bytes are null."""
    if not isinstance(value, pa.StructScalar) or not value.is_valid or PATH not in value:
        return None
    path = value[PATH]
    return path.as_buffer().to_pybytes().decode("utf-8", "replace") if path.is_valid else None


def _as_text(data: pa.Buffer) -> str | None:
    """Bytes as a path or an address; None if they are none. No image is text."""
    if not 0 < data.size <= MAX_PATH_BYTES:
        return None
    try:
        text = data.to_pybytes().decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None
