"""Some rows of a catalogue: the first ones of a few of its files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from vitrina.catalog.source.batch import CatalogBatch, WiderTypesNeededError
from vitrina.catalog.source.catalog_source import CatalogSource, open_catalog
from vitrina.catalog.source.parts import Catalog
from vitrina.config.catalog import CleanConfig

MAX_PARTS = 10  # that are looked into
MAX_BYTES = 64 << 20  # of a table with images in it a few rows say enough


@dataclass(frozen=True)
class CatalogSample:
    """Rows of a catalogue, in batches that have its columns."""

    source: CatalogSource
    batches: tuple[CatalogBatch, ...]

    @property
    def rows(self) -> int:
        """How many rows there are, malformed ones included."""
        return sum(batch.rows.num_rows + len(batch.malformed) for batch in self.batches)

    def column(self, index: int) -> list[pa.Array]:
        """The values of a column, batch by batch."""
        return [batch.rows.column(index) for batch in self.batches]


def take_sample(catalog: Catalog, config: CleanConfig, rows: int) -> CatalogSample:
    """At most ``rows`` rows of a catalogue. Raises UserError if it cannot be read as one."""
    source = open_catalog(catalog, config, quick=True)
    try:
        return CatalogSample(source, tuple(_limited(source.first_rows(rows, MAX_PARTS))))
    except WiderTypesNeededError:
        source = open_catalog(catalog, config, quick=True, whole=True)
        return CatalogSample(source, tuple(_limited(source.first_rows(rows, MAX_PARTS))))


def _limited(batches: Iterable[CatalogBatch]) -> Iterator[CatalogBatch]:
    """As many batches as fit ``MAX_BYTES``, but one at least."""
    size = 0
    for batch in batches:
        yield batch
        size += batch.rows.nbytes
        if size > MAX_BYTES:
            return
