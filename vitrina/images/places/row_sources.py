"""The images that the rows of a column name, or hold."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vitrina.catalog.column_types import is_list_type
from vitrina.catalog.image_refs import PATH, REF, CatalogImage
from vitrina.images.places.cell import listed_sources, sources_of
from vitrina.images.places.column_values import text_values

Source = str | CatalogImage  # a path or an address; or where the catalogue holds the image


def row_sources(column: pa.Array) -> Iterable[Sequence[Source]]:
    """The sources of each row of a column of the cleaned table: texts, references, or lists."""
    if column.type == REF:
        return ([] if ref is None else _of_refs([ref]) for ref in column.to_pylist())
    if not is_list_type(column.type):
        return ([] if text is None else sources_of(text) for text in text_values(column))
    if column.type.value_type == REF:
        return (_of_refs(refs or ()) for refs in column.to_pylist())
    texts = iter(text_values(column.flatten()))
    lengths = pc.list_value_length(column).fill_null(0).to_pylist()
    return (listed_sources([next(texts) for _ in range(length)]) for length in lengths)


def _of_refs(refs: Sequence[Mapping[str, Any] | None]) -> Sequence[Source]:
    """The sources of references, each image once."""
    sources: dict[Source | int, Source] = {}
    for ref in filter(None, refs):
        if ref[PATH] is None:
            image = CatalogImage(*(ref[name] for name in CatalogImage._fields))
            sources.setdefault(image.hash, image)
        else:
            sources |= {path: path for path in listed_sources([ref[PATH]])}
    return list(sources.values())
