"""What the columns of a catalogue hold, by a sample."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from vitrina.catalog.column_types import is_bytes_type
from vitrina.catalog.csv_text import flat_texts, without_binary
from vitrina.catalog.normalize import is_missing, normalize_text
from vitrina.catalog.source.column_join import converted
from vitrina.inspection.sample import CatalogSample

EXAMPLES = 3


@dataclass(frozen=True)
class Column:
    """A column of a catalogue; ``texts`` are the values of the sample as a CSV shows them."""

    name: str
    kind: pa.DataType
    texts: Sequence[str | None]  # None for null, and for what cleaning takes for missing

    @property
    def filled(self) -> list[str]:
        """The values that are there."""
        return [text for text in self.texts if text is not None]

    @property
    def distinct(self) -> int:
        """How many different values there are."""
        return len(set(self.filled))

    @property
    def is_unique(self) -> bool:
        """Whether every row has a value of its own."""
        return self.distinct == len(self.texts) > 0

    @property
    def examples(self) -> list[str]:
        """The first different values."""
        return list(dict.fromkeys(self.filled))[:EXAMPLES]


def sample_columns(sample: CatalogSample) -> list[Column]:
    """All columns of a catalogue, in its order."""
    return [
        Column(
            field.name, field.type, [text for one in sample.column(index) for text in _texts(one)]
        )
        for index, field in enumerate(sample.source.schema)
    ]


def _texts(values: pa.Array) -> list[str | None]:
    texts = _shown(values).to_pylist()
    return [None if text is None or is_missing(normalize_text(text)) else text for text in texts]


def _shown(values: pa.Array) -> pa.Array:
    """Values as texts; bytes that are no text are ``<n bytes>``."""
    if is_bytes_type(values.type):
        try:
            return without_binary(values.cast(pa.large_binary()).cast(pa.large_string()))
        except pa.ArrowInvalid:
            return pa.array(flat_texts(values), pa.string(), mask=values.is_null().to_numpy(False))
    return converted(values, pa.string())
