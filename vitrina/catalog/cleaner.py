"""Normalize the texts of a catalogue's rows, and reject those without an id, title or description.

Memory holds one batch and the ids kept so far.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vitrina.catalog.carried import carried_rows
from vitrina.catalog.column_types import (
    FLOAT,
    INTEGER,
    Id,
    holds_text,
    is_list_of_text_type,
    is_number_type,
    max_exact_integer,
    parse_id,
)
from vitrina.catalog.columns import CatalogColumns
from vitrina.catalog.image_refs import image_refs
from vitrina.catalog.kept_ids import KeptIds
from vitrina.catalog.normalize import is_missing, normalize_text
from vitrina.catalog.processed_table import DESCRIPTION, NM, TITLE
from vitrina.catalog.rejection import RejectionReason
from vitrina.catalog.source.batch import CatalogBatch, MalformedRow, WiderTypesNeededError

REJECTED_SCHEMA = pa.schema([(NM, pa.string()), ("reason", pa.string())])


@dataclass
class CatalogCleaner:
    """Cleans a catalogue batch by batch; keeps the ids of the rows kept so far, and counts."""

    columns: CatalogColumns
    required: Sequence[str]
    kept_ids: KeptIds = field(default_factory=KeptIds)
    rows_in: int = 0
    reasons: Counter[RejectionReason] = field(default_factory=Counter)
    first_malformed: MalformedRow | None = None
    id_form: str = ""  # INTEGER or FLOAT, as the first of the ids that become integers

    @cached_property
    def has_text_ids(self) -> bool:
        """Whether the ids of the cleaned table are texts."""
        return holds_text(self.columns.cleaned_schema.types[0])

    def clean_batch(self, read: CatalogBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """The kept rows, with the cleaned table's columns, and the rejected ones: nm, reason.

        Of several rows with one id, the first that has all required texts is kept. Raises
        WiderTypesNeededError if ids become integers, and one is none.
        """
        batch = read.rows
        titles = _normalized_texts(batch, self.columns.title)
        descriptions = _normalized_texts(batch, self.columns.description)
        complete: dict[int, Id] = {}
        rejected = [_Rejected.of(row) for row in read.malformed]
        ids = batch.column(self.columns.nm)
        max_exact = max_exact_integer(ids.type)
        for row, raw_id in enumerate(_values(ids)):
            nm, reason = parse_id(raw_id, max_exact)
            if nm is not None:
                nm = self._typed(nm)
                reason = self._missing_text(titles[row], descriptions[row])
            if nm is not None and reason is None:
                complete[row] = nm
            elif reason is not None:
                shown = raw_id if nm is None else nm
                rejected.append(_Rejected(row, None if shown is None else str(shown), reason))
        kept, repeated = self._first_of_each(complete)
        rejected += repeated
        self._count(read, rejected)
        return self._kept_batch(read, kept, titles, descriptions), _rejected_batch(rejected)

    def _first_of_each(self, complete: dict[int, Id]) -> "tuple[dict[int, Id], list[_Rejected]]":
        """The rows whose ids are new, and the others; keeps the ids."""
        are_new = self.kept_ids.add(list(complete.values()))
        kept: dict[int, Id] = {}
        repeated = []
        for (row, nm), is_new in zip(complete.items(), are_new, strict=True):
            if is_new:
                kept[row] = nm
            else:
                repeated.append(_Rejected(row, str(nm), RejectionReason.DUPLICATE_ID))
        return kept, repeated

    def _typed(self, nm: Id) -> Id:
        """An id as the cleaned table has it."""
        if self.columns.ids_by_digits and isinstance(nm, str):
            self.id_form = self.id_form or (INTEGER if re.fullmatch(INTEGER, nm) else FLOAT)
            if not re.fullmatch(self.id_form, nm):
                raise WiderTypesNeededError
            return int(nm.removesuffix(".0"))
        return str(nm) if self.has_text_ids else nm

    def _count(self, read: CatalogBatch, rejected: "list[_Rejected]") -> None:
        self.rows_in += read.rows.num_rows + len(read.malformed)
        self.reasons.update(row.reason for row in rejected)
        if read.malformed and self.first_malformed is None:
            self.first_malformed = read.malformed[0]

    def _kept_batch(
        self, read: CatalogBatch, ids: dict[int, Id], titles: list[str], descriptions: list[str]
    ) -> pa.RecordBatch:
        """The rows that are keys of ``ids``, with the cleaned table's columns."""
        batch, schema, rows = read.rows, self.columns.cleaned_schema, pa.array(ids, pa.int64())
        columns = [
            pa.array(ids.values(), schema.types[0]),
            pa.array([titles[row] for row in ids], pa.string()),
            pa.array([descriptions[row] for row in ids], pa.string()),
            *(
                image_refs(batch.column(index), list(ids), read.part, read.first_row)
                if index == self.columns.images
                else carried_rows(batch.column(index), rows, kind)
                for index, kind in zip(self.columns.extra, schema.types[3:], strict=True)
            ),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def _missing_text(self, title: str, description: str) -> RejectionReason | None:
        if TITLE in self.required and not title:
            return RejectionReason.MISSING_TITLE
        if DESCRIPTION in self.required and not description:
            return RejectionReason.MISSING_DESCRIPTION
        return None


class _Rejected(NamedTuple):
    """A rejected row by its place in the batch; a malformed one comes before the row there."""

    row: float
    nm: str | None
    reason: RejectionReason

    @classmethod
    def of(cls, malformed: MalformedRow) -> Self:
        return cls(malformed.before - 0.5, malformed.nm, RejectionReason.MALFORMED_ROW)


def _rejected_batch(rejected: list[_Rejected]) -> pa.RecordBatch:
    rows = sorted(rejected, key=lambda one: one.row)
    columns = [[one.nm for one in rows], [one.reason.value for one in rows]]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, pa.string()) for column in columns], schema=REJECTED_SCHEMA
    )


def _normalized_texts(batch: pa.RecordBatch, index: int | None) -> list[str]:
    """A column's normalized texts; empty where one is missing, or for all rows without a column."""
    if index is None:
        return [""] * batch.num_rows
    column = batch.column(index)
    if is_number_type(column.type):
        column = column.cast(pa.string())
    values = _joined(column) if is_list_of_text_type(column.type) else _values(column)
    texts = (normalize_text(text or "") for text in values)
    return ["" if is_missing(text) else text for text in texts]


def _values(column: pa.Array) -> list[Any]:
    """A column's values; text is decoded from its bytes, because it may be invalid UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not holds_text(column.type):
        return list(column.to_pylist())
    values = column.cast(pa.large_binary()).to_pylist()
    return [None if value is None else value.decode("utf-8", "replace") for value in values]


def _joined(column: pa.Array) -> list[str]:
    """The texts of each list, such as the paragraphs of a description, with spaces between them."""
    texts = _values(column.flatten())
    sizes = pc.list_value_length(column).fill_null(0).to_numpy()
    ends = np.cumsum(sizes)
    parts = (texts[end - size : end] for size, end in zip(sizes, ends, strict=True))
    return [" ".join(text for text in part if text) for part in parts]
