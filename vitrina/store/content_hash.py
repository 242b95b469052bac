"""The hash of a table's content, whatever its batches, its format or the version that wrote it."""

import hashlib

import pyarrow as pa

from vitrina.store.fingerprint import fingerprint


class ContentHash:
    """Takes a table batch by batch; equal columns in equal order give an equal hash.

    A column is hashed as the text of its values, so that two batches of 1,000 rows and one of 2,000
    count as the same. Memory holds one batch.
    """

    def __init__(self) -> None:
        self._columns: dict[str, hashlib.blake2b] = {}

    def update(self, batch: pa.RecordBatch) -> None:
        """Add the rows of a batch; every batch must have the columns of the first."""
        for field, column in zip(batch.schema, batch.columns, strict=True):
            name = f"{field.name}: {field.type}"
            hasher = self._columns.setdefault(name, hashlib.blake2b(digest_size=16))
            for value in column.to_pylist():
                hasher.update(f"{value!r},".encode("utf-8", "surrogatepass"))

    def hexdigest(self) -> str:
        """The hash of all columns, their names and their types."""
        return fingerprint([(name, hasher.hexdigest()) for name, hasher in self._columns.items()])
