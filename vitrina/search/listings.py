"""The listings of a run: what a result shows of them, and filters on their columns."""

import difflib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vitrina.catalog.processed_table import CATEGORY, IMAGE_PATH, NM, TITLE
from vitrina.errors import UserError
from vitrina.search.filters import Where, wanted_values
from vitrina.search.index import Mask


@dataclass(frozen=True)
class Listings:
    """A processed table in a Parquet file; columns are read when they are first needed."""

    path: Path

    @cached_property
    def _file(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.path, memory_map=True)
        except (OSError, pa.ArrowException) as error:
            raise UserError(f"{self.path} is not a Parquet file, or is damaged: {error}") from error

    @cached_property
    def _shown(self) -> dict[str, pa.ChunkedArray]:
        wanted = (NM, TITLE, CATEGORY, IMAGE_PATH)
        table = self._file.read([name for name in wanted if name in self._file.schema_arrow.names])
        return dict(zip(table.column_names, table.columns, strict=True))

    @cached_property
    def nm(self) -> npt.NDArray[Any]:
        """The ids, int64 or text, as the catalogue has them."""
        column = self._shown[NM]
        dtype = np.int64 if pa.types.is_integer(column.type) else np.str_
        return np.array(column.to_pylist(), dtype)

    def row_of(self, nm: object) -> int:
        """The row of an id, given as a number or as text. UserError if there is none."""
        column = self._shown[NM]
        try:
            row = pc.index(column, pa.scalar(str(nm)).cast(column.type)).as_py()
        except pa.ArrowInvalid:  # no integer
            row = -1
        if row < 0:
            raise UserError(
                f"No listing of this run has nm {nm!r}. It has {len(column):,} listings; "
                "resize/latest/rejected.csv names those that were left out, with the reason."
            )
        return int(row)

    def shown(self, row: int) -> dict[str, Any]:
        """nm, title, category (None where there is none) and image_path of a row."""
        values = {name: column[row].as_py() for name, column in self._shown.items()}
        category = values.get(CATEGORY)
        return values | {CATEGORY: None if category is None else str(category)}

    def check(self, where: Where | None) -> None:
        """Raise UserError for an unknown column, or a value that a column cannot have."""
        for name, value in (where or {}).items():
            wanted_values(name, value, self._kind(name))

    def mask(self, where: Where | None) -> Mask | None:
        """The rows that fulfil every condition; None if there is no condition.

        Raises UserError for an unknown column, or a value that a column cannot have.
        """
        if not where:
            return None
        masks = [self._matches(name, value) for name, value in where.items()]
        mask: Mask = np.logical_and.reduce(masks)
        return mask

    @property
    def columns(self) -> list[str]:
        """The names of all columns."""
        names: list[str] = self._file.schema_arrow.names
        return names

    def counts(self, column: str) -> list[tuple[Any, int]]:
        """The values of a column, not those missing, and how often each occurs; most often first.

        Values that occur equally often are in their own order.
        """
        pairs = pc.value_counts(self._column(column)).to_pylist()
        found = [(one["values"], one["counts"]) for one in pairs if one["values"] is not None]
        return sorted(found, key=lambda one: (-one[1], str(one[0])))

    def near_values(self, column: str, value: object) -> list[str]:
        """Values of a text column that look like ``value``, most alike first."""
        values = pc.unique(self._column(column)).to_pylist()
        texts = [str(one) for one in values if one is not None]
        return difflib.get_close_matches(str(value), texts, n=3, cutoff=0.5)

    def _kind(self, name: str) -> pa.DataType:
        names = self._file.schema_arrow.names
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(names)}."
            raise UserError(f"The listings have no column {name!r}. {hint}")
        kind = self._file.schema_arrow.field(name).type
        return kind.value_type if pa.types.is_dictionary(kind) else kind

    def _column(self, name: str) -> pa.Array:
        self._kind(name)
        column = self._file.read([name]).column(0).combine_chunks()
        if isinstance(column, pa.ChunkedArray):  # larger than one array can be
            column = pa.concat_arrays(column.chunks)
        return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column

    def _matches(self, name: str, value: Any) -> Mask:
        column = self._column(name)
        wanted = wanted_values(name, value, column.type)
        try:
            found: Mask = pc.is_in(column, value_set=wanted).to_numpy(zero_copy_only=False)
        except pa.ArrowNotImplementedError as error:
            raise UserError(
                f"Column {name!r} is {column.type}, which is not compared with values."
            ) from error
        return found
