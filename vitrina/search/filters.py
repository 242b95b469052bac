"""Filters on the columns of listings: the values of a column that are asked for."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from vitrina.errors import UserError

Where = Mapping[str, Any]
"""A value, or a list of values of which any counts, by column; None matches missing values."""


def wanted_values(column: str, value: Any, kind: pa.DataType) -> pa.Array:
    """The values asked for, in the type of the column.

    Raises UserError for one that the column cannot have.
    """
    values = list(value) if isinstance(value, list | tuple | set) else [value]
    texts = pa.array([None if one is None else str(one) for one in values], pa.string())
    try:
        return texts.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        given = ", ".join(repr(one) for one in values)
        raise UserError(
            f"Column {column!r} is {kind}, which {given} cannot be compared with."
        ) from error
