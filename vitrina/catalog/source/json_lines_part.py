"""Read JSON Lines, an object a line, as batches; their columns are those of the objects."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import pyarrow as pa
from upath import UPath

from vitrina.catalog.parquet_batches import MAX_BATCH_BYTES
from vitrina.catalog.source.batch import CatalogBatch, MalformedRow, WiderTypesNeededError
from vitrina.catalog.source.column_join import joined_type
from vitrina.catalog.source.json_types import json_array, json_type
from vitrina.catalog.source.text_file import (
    HEAD_BYTES,
    UTF8,
    CountedLines,
    encoding_further_on,
    encoding_in,
    head,
    open_text,
)
from vitrina.config.catalog import CleanConfig
from vitrina.errors import UserError

Types = dict[str, pa.DataType]
JsonObject = dict[str, Any]
NumberedValue = tuple[int, JsonObject | str]  # a line's number, and its object or what is wrong
SCAN_ROWS = 2_000
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True)
class JsonLinesPart:
    """A file with a JSON object in each line; a key that a line lacks is null there.

    Objects and lists stay nested. A column whose values have no common type is text: JSON, but
    for the texts in it.
    """

    path: UPath
    types: Types
    known_encoding: str | None  # None as long as only ASCII was seen

    @classmethod
    def open(
        cls, path: UPath, config: CleanConfig, head_bytes: int = HEAD_BYTES, *, whole: bool = False
    ) -> Self:
        """Find the columns, by the beginning of a file or by the whole of it.

        Raises UserError if its first lines are no JSON objects.
        """
        start, is_cut = head(path, head_bytes)
        encoding = config.encoding or encoding_in(start)
        text = start.decode(encoding or UTF8, "replace")
        lines = text.split("\n")
        sample = _parsed(lines[:-1] if is_cut else lines)
        objects = [one for _, one in sample if isinstance(one, dict)]
        if text.lstrip().startswith("["):
            raise UserError(
                f"{path} is a JSON array, not JSON Lines. Write an object a line, for example "
                "with jq -c '.[]'."
            )
        if not objects:
            raise UserError(
                f"{path} is not JSON Lines: none of its first lines is a JSON object. Write one a "
                "line."
            )
        part = cls(path, _widened({}, objects), encoding)
        return cls(path, part._all_types(), encoding) if whole else part

    @property
    def schema(self) -> pa.Schema:
        """The columns in the order in which they appear."""
        return pa.schema(list(self.types.items()))

    @cached_property
    def encoding(self) -> str:
        """Of the whole file, which may have to be read for it."""
        return self.known_encoding or encoding_further_on(self.path)

    def describe(self) -> str:
        """What was recognized."""
        return f"JSON Lines in {self.encoding}"

    def batches(self, rows: int) -> Iterator[CatalogBatch]:
        """Batches of at most ``rows`` rows.

        Raises WiderTypesNeededError if a row has other columns or types than the beginning, by
        which they were found.
        """
        for lines in self._groups(rows):
            objects: list[JsonObject] = []
            malformed = []
            for number, value in lines:
                if isinstance(value, dict):
                    objects.append(value)
                else:
                    malformed.append(MalformedRow(len(objects), self._line(number), value))
            yield CatalogBatch(self._batch(objects), tuple(malformed))

    def first(self, rows: int) -> CatalogBatch | None:
        """The first batch."""
        return next(self.batches(rows), None)

    def _batch(self, objects: Sequence[JsonObject]) -> pa.RecordBatch:
        if _widened(self.types, objects) != self.types:
            raise WiderTypesNeededError
        columns = [
            json_array([one.get(name) for one in objects], kind)
            for name, kind in self.types.items()
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _all_types(self) -> Types:
        types: Types = {}
        for lines in self._groups(SCAN_ROWS):
            types = _widened(types, [one for _, one in lines if isinstance(one, dict)])
        return types

    def _groups(self, rows: int) -> Iterator[list[NumberedValue]]:
        """The values of the lines that are not blank, by their numbers from 1."""
        with open_text(self.path, self.encoding, newline="\n") as text:
            lines = CountedLines(text)
            group: list[NumberedValue] = []
            for value in _parsed(lines):
                group.append(value)
                if len(group) >= rows or lines.characters > MAX_BATCH_BYTES:
                    yield group
                    group, lines.characters = [], 0
            if group:
                yield group

    def _line(self, number: int) -> str:
        return f"{self.path}, line {number}"


def _parsed(lines: Iterable[str]) -> Iterator[NumberedValue]:
    return ((number, _object(line)) for number, line in enumerate(lines, start=1) if line.strip())


def _object(line: str) -> JsonObject | str:
    """The object in a line, or what is wrong with it."""
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        return f"no JSON: {error.msg} at character {error.pos + 1}"
    except (ValueError, RecursionError):  # thousands of digits or of brackets
        return "no JSON that can be read"
    if not isinstance(value, dict):
        return f"a JSON {type(value).__name__}, not an object"
    return _encodable(value) if SURROGATE.search(line) else value


def _encodable(value: Any) -> Any:
    """The value with what is no character, half of a pair of surrogates, replaced in its texts."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_encodable(key): _encodable(one) for key, one in value.items()}
    return [_encodable(one) for one in value] if isinstance(value, list) else value


def _widened(types: Types, objects: Sequence[JsonObject]) -> Types:
    """The types with which these objects can be read, too."""
    names = dict.fromkeys(name for one in objects for name in one)
    found = {name: json_type([one.get(name) for one in objects]) for name in names}
    return types | {
        name: joined_type(types[name], kind) if name in types else kind
        for name, kind in found.items()
    }
