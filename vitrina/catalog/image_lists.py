"""The columns of a processed table that hold several images a listing: a list of texts a row."""

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from upath import UPath

from vitrina.catalog.column_types import holds_text, is_list_of_text_type
from vitrina.errors import UserError

if TYPE_CHECKING:  # help and refusals answer without it
    import pandas as pd

MAX_SHOWN = 60  # characters of a value that an error shows
LISTS = pa.large_list(pa.large_string())  # Python's own would take ten times as much


def lists_of_texts(column: pa.Array, name: str, path: UPath) -> "pd.Series[Any]":
    """A column as lists of str, empty for null. UserError if it holds neither lists nor JSON."""
    import pandas as pd

    if is_list_of_text_type(column.type):
        return pd.Series([value or [] for value in column.to_pylist()], dtype=pd.ArrowDtype(LISTS))
    if not holds_text(column.type):
        raise UserError(f"{path}: column {name!r} is {column.type}; expected lists of paths.")
    return pd.Series(column.to_pylist(), dtype=object)


def parse_lists(column: "pd.Series[Any]", path: UPath | str, first_row: int) -> "pd.Series[Any]":
    """A column of lists, or of JSON arrays as a CSV has them, as lists of str.

    ``first_row`` is the position in the table of the column's first row. Raises UserError for a
    value that is no array of texts.
    """
    import pandas as pd

    lists = []
    for row, value in enumerate(column):
        texts = _parse(value) if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise UserError(
                f"{path}: {column.name} in row {first_row + row} (counted from 0) is "
                f"{str(value)[:MAX_SHOWN]!r}; expected a JSON array of texts."
            )
        lists.append(texts)
    return pd.Series(lists, index=column.index, dtype=pd.ArrowDtype(LISTS))


def _parse(text: str) -> Any:
    try:
        return json.loads(text) if text.strip() else []
    except ValueError:
        return None
