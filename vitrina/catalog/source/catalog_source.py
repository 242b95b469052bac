"""A catalogue of any form as one table: the columns of all its files, in one order and type."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from vitrina.catalog.source.batch import CatalogBatch, PartReader
from vitrina.catalog.source.column_join import converted, joined_type
from vitrina.catalog.source.csv_part import CsvPart
from vitrina.catalog.source.formats import TableFormat
from vitrina.catalog.source.json_lines_part import JsonLinesPart
from vitrina.catalog.source.parquet_part import ParquetPart
from vitrina.catalog.source.parts import Catalog, Part, find_parts, name_of
from vitrina.catalog.source.text_file import HEAD_BYTES
from vitrina.config.catalog import CleanConfig
from vitrina.errors import UserError
from vitrina.store.fingerprint import file_fingerprint, fingerprint

JSON_HEAD_BYTES = 4 << 20  # of all parts together, in which every key should have appeared
THREADS = 16  # a look at a file on S3 takes a request or two of some 20 ms
QUICK_PARTS = 1_000  # of more, a quick look opens only the first and the last

Column = tuple[str, int]  # a name, and how often it stands before in the same file


@dataclass(frozen=True)
class CatalogPart:
    """A file of a catalogue, and the columns that its folders' names give."""

    reader: PartReader
    partitions: tuple[tuple[str, str | None], ...]

    @property
    def schema(self) -> pa.Schema:
        """The file's columns, then those of its folders' names that it has not itself."""
        return pa.schema([*self.reader.schema, *self._added()])

    def rows(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch of the file with the columns of the folders' names."""
        values = dict(self.partitions)
        for field in self._added():
            column = pa.repeat(pa.scalar(values[field.name], pa.string()), batch.num_rows)
            batch = batch.append_column(field, column)
        return batch

    def _added(self) -> list[pa.Field]:
        own = set(self.reader.schema.names)
        names = (name for name, _ in self.partitions if name not in own)
        return [pa.field(name, pa.string()) for name in dict.fromkeys(names)]


@dataclass(frozen=True)
class CatalogSource:
    """A catalogue, of which one batch is in memory at a time.

    Columns are told apart by name. Where parts hold one in several types it has a type that fits
    them all; but those in ``as_they_are`` each part keeps as it has them, lest an id lose digits.
    """

    name: str
    format: TableFormat
    parts: tuple[CatalogPart, ...]
    as_they_are: frozenset[str]
    schema: pa.Schema
    ids_by_digits: bool  # whether ids, which are texts, are integers as long as all look like it

    def batches(self, rows: int) -> Iterator[CatalogBatch]:
        """The rows of all parts, in batches of at most ``rows``, each of one part.

        Raises UserError, naming the part, if it is damaged or holds a value that does not fit the
        column's type, and WiderTypesNeededError as the parts of text files do.
        """
        for number, part in enumerate(self.parts):
            first_row = 0
            for batch in part.reader.batches(rows):
                conformed = self._conformed(part.rows(batch.rows), part)
                yield batch._replace(rows=conformed, part=number, first_row=first_row)
                first_row += batch.rows.num_rows

    def first_rows(self, rows: int, parts: int) -> Iterator[CatalogBatch]:
        """The first rows of some of the parts, at most ``rows`` in all."""
        some = self.parts[:: -(-len(self.parts) // parts)]
        for part in some:
            if batch := part.reader.first(-(-rows // len(some))):
                yield batch._replace(rows=self._conformed(part.rows(batch.rows), part))

    def describe(self) -> str:
        """The files' number, formats and encodings, such as ``2 files: CSV in cp1251, …``."""
        kinds = Counter(part.reader.describe() for part in self.parts)
        files = f"{len(self.parts)} files: " if len(self.parts) > 1 else ""
        return files + "; ".join(kinds)

    def _conformed(self, batch: pa.RecordBatch, part: CatalogPart) -> pa.RecordBatch:
        own = dict(zip(_columns(batch.schema), batch.columns, strict=True))
        columns = [
            self._fitted(own[key], field, part)
            if key in own
            else pa.nulls(batch.num_rows, field.type)
            for key, field in zip(_columns(self.schema), self.schema, strict=True)
        ]
        fields = [
            field.with_type(column.type) for field, column in zip(self.schema, columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))

    def _fitted(self, column: pa.Array, field: pa.Field, part: CatalogPart) -> pa.Array:
        if field.name in self.as_they_are:
            return column
        try:
            return converted(column, field.type)
        except pa.ArrowInvalid as error:
            raise UserError(
                f"{part.reader.path}: column {field.name!r} is {column.type}, and a value in it "
                f"does not fit {field.type}, which other parts need ({error}). Write all parts "
                "with one type."
            ) from error


def open_catalog(
    catalog: Catalog, config: CleanConfig, *, quick: bool = False, whole: bool = False
) -> CatalogSource:
    """The catalogue at these paths, each a file, a folder or a glob; only its columns are read.

    ``quick`` looks at the first and the last of many parts only. Text files show the types of
    their columns by their first rows; with ``whole``, which never leads to WiderTypesNeededError,
    by all of them, and ids in a CSV are texts. Raises UserError if there is no table there.
    """
    found = find_parts(catalog)
    if quick and len(found) > QUICK_PARTS:
        found = (found[0], found[-1])
    with ThreadPoolExecutor(THREADS) as threads:
        head_bytes = max(HEAD_BYTES, JSON_HEAD_BYTES // len(found))
        readers = list(threads.map(lambda one: _reader(one, config, head_bytes, whole), found))
    parts = tuple(
        CatalogPart(reader, part.partitions) for reader, part in zip(readers, found, strict=True)
    )
    roles = frozenset({config.nm_column, config.title_column, config.description_column})
    return CatalogSource(
        name=name_of(catalog),
        format=found[0].format,
        parts=parts,
        as_they_are=roles,
        schema=_joined_schema(parts),
        ids_by_digits=found[0].format == "CSV" and not whole,
    )


def catalog_fingerprint(catalog: Catalog) -> str:
    """A hash of the content of all parts, in their order, and of what their folders' names say."""
    parts = find_parts(catalog)
    with ThreadPoolExecutor(THREADS) as threads:
        hashes = threads.map(lambda part: file_fingerprint(part.path), parts)
        return fingerprint(
            [[part.format, part.partitions, one] for part, one in zip(parts, hashes, strict=True)]
        )


def _reader(part: Part, config: CleanConfig, head_bytes: int, whole: bool) -> PartReader:
    if part.format == "Parquet":
        return ParquetPart.open(part.path)
    if part.format == "CSV":
        return CsvPart.open(part.path, config)
    return JsonLinesPart.open(part.path, config, head_bytes, whole=whole)


def _columns(schema: pa.Schema) -> list[Column]:
    seen: Counter[str] = Counter()
    columns = []
    for name in schema.names:
        columns.append((name, seen[name]))
        seen[name] += 1
    return columns


def _joined_schema(parts: Sequence[CatalogPart]) -> pa.Schema:
    """All columns, in the order in which they appear."""
    fields: dict[Column, pa.Field] = {}
    for part in parts:
        for key, field in zip(_columns(part.schema), part.schema, strict=True):
            known = fields.setdefault(key, field)
            if known.type != field.type:
                fields[key] = pa.field(field.name, joined_type(known.type, field.type))
    return pa.schema(list(fields.values()))
