"""The values of any column as texts that a person reads: numbers without ``.0``, lists joined."""

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vitrina.catalog.column_types import is_bytes_type, is_list_type
from vitrina.catalog.normalize import is_missing, normalize_text
from vitrina.catalog.processed_table import DESCRIPTION, TITLE

if TYPE_CHECKING:  # help and refusals answer without it
    import pandas as pd

CLEANED = (TITLE, DESCRIPTION)  # cleaning has normalized them
CHUNK = 10_000  # values of which Python's own texts, larger than Arrow's, are in memory
INTEGRAL = re.compile(r"(-?\d+)\.0+")  # how pandas writes integers of a column with nulls


def is_readable(kind: pa.DataType) -> bool:
    """Whether values of this type have a readable text: texts, numbers, dates, lists of them."""
    if is_list_type(kind):
        return is_readable(kind.value_type)
    return not pa.types.is_nested(kind) and not is_bytes_type(kind)


def readable_texts(column: "pd.Series[Any]") -> "pd.Series[str]":
    """The text of each value, normalized as titles are; empty where it is missing.

    Titles and descriptions are taken as they are. Lists, also those that a CSV has as JSON, are
    joined with commas.
    """
    import pandas as pd

    if column.name in CLEANED:
        return column.fillna("").astype(str).str.strip()
    if pd.api.types.is_float_dtype(column.dtype):
        column = column.astype(str)  # a float32 is 0.1, but as a Python number 0.10000000149
    starts = range(0, max(len(column), 1), CHUNK)
    parts = (column.iloc[start : start + CHUNK].tolist() for start in starts)
    texts = [pd.Series(map(readable, part), dtype=str) for part in parts]
    return pd.concat(texts, ignore_index=True)


def readable(value: object) -> str:
    """The text of one value, see :func:`readable_texts`."""
    import pandas as pd

    if isinstance(value, str) and value.startswith("["):
        value = _list_from_json(value)
    if isinstance(value, list | tuple | np.ndarray):
        return ", ".join(filter(None, map(readable, value)))
    text = normalize_text(str(value))
    if is_missing(text) or value is pd.NA or value is pd.NaT:
        return ""
    integral = INTEGRAL.fullmatch(text)
    return integral[1] if integral else text


def _list_from_json(text: str) -> object:
    """The list that a text is in JSON, or the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
