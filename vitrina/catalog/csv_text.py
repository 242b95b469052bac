"""The text of any column's values in a CSV, for which no value is too odd.

Times are ISO 8601 with a space between date and time, lists, structs and maps are JSON, and bytes
are never written, not even as text: ``<n bytes>`` stands for them.
"""

import datetime as dt
import json
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vitrina.catalog.arrow_leaves import map_leaves
from vitrina.catalog.column_types import is_bytes_type

UNITS_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
DAY_SECONDS = 86_400
MAX_JSON_BYTES = 16_384  # of the values of one cell; one of a picture's pixels would fill the file
# A text that is longer than that and has no space in it (Base64, hexadecimal), or that is Python's
# for bytes, as pandas writes it.
BINARY_TEXT = re.compile(r"""\S{16384}|(?:\{'\w+': )?b['"]""")


def nested_texts(column: pa.Array) -> list[str]:
    """Each value as JSON; one of more than ``MAX_JSON_BYTES`` as ``<n bytes>``."""
    column = map_leaves(column, _json_leaves)
    large = column.nbytes > MAX_JSON_BYTES
    texts = []
    for row in range(len(column)):
        size = column.slice(row, 1).nbytes if large else 0
        texts.append(f"<{size} bytes>" if size > MAX_JSON_BYTES else _json(column[row]))
    return texts


def without_binary(texts: pa.Array) -> pa.Array:
    """A column of texts, in which ``<n bytes>`` stands for those that are binary data."""
    long = pc.fill_null(pc.greater(pc.binary_length(texts), MAX_JSON_BYTES), False)
    if not pc.any(long).as_py():
        return texts
    binary = [
        bool(is_long and BINARY_TEXT.match(text))
        for is_long, text in zip(long.to_pylist(), texts.to_pylist(), strict=True)
    ]
    return pc.if_else(
        pa.array(binary, pa.bool_()), pa.array(_byte_counts(texts), texts.type), texts
    )


def flat_texts(column: pa.Array) -> list[str] | None:
    """The texts of a column of times, decimals or bytes, empty for null; None for other types."""
    types, kind = pa.types, column.type
    writers: list[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], list[str]]]] = [
        (is_bytes_type, _byte_counts),
        (types.is_timestamp, _timestamps),
        (types.is_date, _dates),
        (types.is_time, _times),
        (types.is_duration, _durations),
        (types.is_decimal, _decimals),
        (types.is_null, lambda nulls: [""] * len(nulls)),
    ]
    return next((write(column) for test, write in writers if test(kind)), None)


def _json_leaves(leaves: pa.Array) -> pa.Array:
    texts = None if pa.types.is_null(leaves.type) else flat_texts(leaves)
    if texts is not None:
        return pa.array(texts, pa.string(), mask=_nulls(leaves))
    return leaves.cast(pa.float32()) if pa.types.is_float16(leaves.type) else leaves


def _json(value: pa.Scalar) -> str:
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: pa.Scalar) -> Any:
    """The value for JSON, which has no NaN and no infinity; of fields with one name the last."""
    if not value.is_valid:
        return None
    if isinstance(value, pa.MapScalar):
        return [[_plain(one) for _, one in pair.items()] for pair in value.values]
    if isinstance(value, pa.StructScalar):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, pa.ListScalar):
        return [_plain(one) for one in value.values]
    plain = value.as_py()
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain


def _nulls(array: pa.Array) -> npt.NDArray[np.bool_]:
    nulls: npt.NDArray[np.bool_] = array.is_null().to_numpy(zero_copy_only=False)
    return nulls


def _integers(array: pa.Array) -> npt.NDArray[np.int64]:
    """The integers that times are stored as, 0 for null."""
    width = pa.int32() if array.type.bit_width == 32 else pa.int64()
    integers: npt.NDArray[np.int64] = array.view(width).cast(pa.int64()).fill_null(0).to_numpy()
    return integers


def _where_valid(array: pa.Array, texts: list[str]) -> list[str]:
    return ["" if null else text for null, text in zip(_nulls(array), texts, strict=True)]


def _byte_counts(array: pa.Array) -> list[str]:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_binary_view(array.type):
        array = array.cast(pa.large_binary())
    lengths = pc.binary_length(array).to_pylist()
    return ["" if length is None else f"<{length} bytes>" for length in lengths]


def _decimals(array: pa.Array) -> list[str]:
    return ["" if value is None else f"{value:f}" for value in array.to_pylist()]


def _dates(array: pa.Array) -> list[str]:
    unit = "D" if pa.types.is_date32(array.type) else "ms"
    return _where_valid(array, [text.partition("T")[0] for text in _iso(_integers(array), unit)])


def _times(array: pa.Array) -> list[str]:
    unit, times = array.type.unit, _integers(array)
    within = (times >= 0) & (times < DAY_SECONDS * UNITS_A_SECOND[unit])
    texts = (text.partition("T")[2] for text in _iso(np.where(within, times, 0), unit))
    trimmed = (_trimmed(text) if valid else "" for text, valid in zip(texts, within, strict=True))
    return _where_valid(array, list(trimmed))


def _timestamps(array: pa.Array) -> list[str]:
    """With the zone's offset; with that of UTC where the zone is unknown here."""
    unit, zone = array.type.unit, array.type.tz
    utc = _integers(array)
    local = utc if zone is None else _local(array)
    offsets = (local - utc) // UNITS_A_SECOND[unit]
    texts = [_trimmed(text.replace("T", " ")) for text in _iso(local, unit)]
    if zone is not None:
        texts = [
            text and text + _offset(int(one)) for text, one in zip(texts, offsets, strict=True)
        ]
    return _where_valid(array, texts)


def _local(array: pa.Array) -> npt.NDArray[np.int64]:
    """Timestamps with a zone in local time; in UTC if the zone is not in this system's database."""
    try:
        return _integers(pc.local_timestamp(array))
    except pa.ArrowInvalid:
        return _integers(array)


def _offset(seconds: int) -> str:
    text = dt.datetime(2000, 1, 1, tzinfo=dt.timezone(dt.timedelta(seconds=seconds))).isoformat()
    return text[len("2000-01-01T00:00:00") :]


def _iso(times: npt.NDArray[np.int64], unit: str) -> list[str]:
    """ISO texts of times since 1970, of any year; empty for the one that NumPy takes for none."""
    texts: list[str] = np.datetime_as_string(times.view(f"M8[{unit}]")).tolist()
    return ["" if text == "NaT" else text for text in texts]


def _trimmed(text: str) -> str:
    """Without zeros at the end of a fraction of a second."""
    return re.sub(r"\.?0+$", "", text) if "." in text else text


def _durations(array: pa.Array) -> list[str]:
    per_second = UNITS_A_SECOND[array.type.unit]
    digits = len(str(per_second)) - 1
    texts = []
    for value in _integers(array).tolist():
        seconds, rest = divmod(abs(value), per_second)
        fraction = f".{rest:0{digits}}".rstrip("0") if rest else ""
        texts.append(f"{'-' * (value < 0)}PT{seconds}{fraction}S")
    return _where_valid(array, texts)
