"""The paths that a pattern gives the rows of a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from vitrina.catalog.rejection import RejectionReason
from vitrina.config.image_pattern import ImagePattern
from vitrina.config.pattern_expression import UnfitValueError, Value
from vitrina.images.places.column_values import pattern_values
from vitrina.images.safe_names import is_unsafe

RowPath = tuple[str, ...] | RejectionReason  # split at the wildcards, or why a row has none


@dataclass(frozen=True)
class RowPaths:
    """A pattern, and the cleaned table's columns for those that it names."""

    pattern: ImagePattern
    columns: Mapping[str, str]

    def of(self, batch: pa.RecordBatch, ids: Sequence[str]) -> list[RowPath]:
        """The path of each row of a batch that has the columns, or why it has none."""
        if around := self.pattern.around_id:  # as most are, so fast
            before, after = around
            return [self._around(before, nm, after) for nm in ids]
        columns = [pattern_values(batch.column(name)) for name in self.columns.values()]
        rows = zip(*columns, strict=True)
        return [self._fill(row, nm) for row, nm in zip(rows, ids, strict=True)]

    def _around(self, before: str, nm: str, after: str) -> RowPath:
        if is_unsafe(nm) or (not nm.isalnum() and is_unsafe(f"{before}{nm}{after}")):
            return RejectionReason.UNSAFE_PATH
        return (f"{before}{nm}{after}",)

    def _fill(self, values: Sequence[Value | None], nm: str) -> RowPath:
        row = {
            name: value
            for name, value in zip(self.columns, values, strict=True)
            if value is not None
        }
        if len(row) < len(values):
            return RejectionReason.NO_IMAGE_VALUE
        try:
            path = tuple(self.pattern.fill(row))
        except UnfitValueError:
            return RejectionReason.INVALID_IMAGE_VALUE
        unsafe = is_unsafe(nm) or is_unsafe("".join(path))
        return RejectionReason.UNSAFE_PATH if unsafe else path
