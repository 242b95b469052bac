"""A hash of a table's values, independent of file format, writer and batch size."""

import hashlib

import pyarrow as pa

from vitrina.store.fingerprint import fingerprint


class ContentHash:
    """Hashes a table batch by batch; equal columns in equal order give equal hashes.

    Each column is hashed as the text of its values, so two batches of 1,000 rows and one of 2,000
    give the same hash. One batch is in memory at a time.
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
        """The hash of the columns' names, types and values."""
        return fingerprint([(name, hasher.hexdigest()) for name, hasher in self._columns.items()])
