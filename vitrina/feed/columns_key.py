"""A hash of a listing's columns, to tell whether anything in its row of the table has changed."""

import hashlib
from collections.abc import Iterator, Sequence

import pyarrow as pa

from vitrina.catalog.column_types import is_bytes_type
from vitrina.catalog.csv_text import flat_texts, nested_texts
from vitrina.catalog.processed_table import (
    IMAGE_HASH,
    IMAGE_HASHES,
    IMAGE_PATH,
    IMAGE_PATHS,
    NM,
)

OUTSIDE = (NM, IMAGE_HASH, IMAGE_HASHES)  # the id itself, and what the image's key says already
PATHS = (IMAGE_PATH, IMAGE_PATHS)


def columns_keys(batch: pa.RecordBatch, root: str) -> list[str]:
    """A hash of each row: its columns' names and values, but not its id or its image's content.

    A path counts without the store's ``root``, so that a store that was moved has not changed. Of
    bytes within lists and structs only the number counts.
    """
    names = [name for name in batch.schema.names if name not in OUTSIDE]
    texts = [
        _below(root, texts) if name in PATHS else texts
        for name, texts in ((name, _texts(batch.column(name))) for name in names)
    ]
    of_names = hashlib.blake2b(repr(names).encode(), digest_size=16).digest()
    rows: Iterator[tuple[str | None, ...]] = zip(*texts, strict=True)
    return [_digest(repr(row), of_names) for row in rows]


def _below(root: str, texts: Sequence[str | None]) -> list[str | None]:
    """Paths, or JSON arrays of paths, without the store's root."""
    return [text and text.replace(f"{root}/", "") for text in texts]


def _digest(text: str, key: bytes) -> str:
    return hashlib.blake2b(text.encode(), digest_size=10, key=key).hexdigest()


def _texts(column: pa.Array) -> Sequence[str | None]:
    """A text for each value that is equal for equal values; None for null."""
    if isinstance(column, pa.ExtensionArray):
        return _texts(column.storage)
    if pa.types.is_dictionary(column.type):
        return _texts(column.dictionary_decode())
    if is_bytes_type(column.type):
        values = column.cast(pa.large_binary()).to_pylist()
        return [value and hashlib.blake2b(value, digest_size=16).hexdigest() for value in values]
    if pa.types.is_nested(column.type):
        return nested_texts(column)
    texts = flat_texts(column)
    if texts is None:
        plain: list[str | None] = column.cast(pa.string()).to_pylist()
        return plain
    nulls = column.is_null().to_pylist()
    return [None if null else text for null, text in zip(nulls, texts, strict=True)]
