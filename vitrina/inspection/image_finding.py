"""Where the images of a sample are: every way that might fit is tried, the best one is kept."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from vitrina.catalog.image_refs import ref_type
from vitrina.catalog.processed_table import NM
from vitrina.config.images import ResizeConfig
from vitrina.errors import UserError
from vitrina.images.image_folders import ImageFolders
from vitrina.images.named_files import ADDRESS
from vitrina.images.places.cell import is_address, sources_of
from vitrina.images.places.open_place import open_place
from vitrina.images.spellings import image_ending
from vitrina.inspection.columns import Column
from vitrina.inspection.patterns import Row, suggested_patterns
from vitrina.store.files import listing
from vitrina.store.paths import to_path

CleanRows = Callable[[str], pa.Table]  # the sample, cleaned for a column that holds images
MAX_PATHS = 50_000  # of images that are looked at for a pattern
MAX_SUGGESTED = 5  # patterns that are tried
MANY = 0.9  # of the rows, with whose images no other way is tried
USUAL_PATTERNS = ("{nm}.*", "{nm}_*", "{nm}-*", "{nm}/*", "{nm[:2]}/{nm}.*", "{nm[:3]}/{nm}.*")
SHARE_OF_IMAGES = 0.8  # of a column's values, from which on it is taken for one of images


@dataclass(frozen=True)
class ImageFinding:
    """A way to find images, and what it found for the rows of a sample."""

    way: ResizeConfig  # with image_pattern or image_column
    rows: int  # of the sample, that would be kept
    rows_found: int  # of those, with an image at least
    images: int
    addresses: int  # of the images, that are at http(s) addresses and were not fetched
    example: str  # the first image that was found

    @property
    def score(self) -> tuple[int, int, int]:
        """Most rows, then files rather than addresses, then most images."""
        return self.rows_found, -self.addresses, self.images


def find_images(
    columns: Sequence[Column], clean: CleanRows, catalog: Sequence[str], images: str
) -> tuple[ImageFinding | None, str]:
    """The way that finds most images of a sample, and an example of what lies in the folder.

    None if no way finds any. Raises UserError if the folder of images cannot be listed.
    """
    paths = _image_paths(images) if images else []
    folders = ImageFolders(originals=images, resized=".inspect", catalog=tuple(catalog))
    best: ImageFinding | None = None
    for way in _ways(columns, clean(""), paths):
        found = _try(way, folders, clean(way.bytes_column))
        if found and found.rows_found and (best is None or found.score > best.score):
            best = found
        if best and not best.addresses and best.rows_found >= MANY * best.rows:
            break
    return best, paths[0] if paths else ""


def _ways(
    columns: Sequence[Column], cleaned: pa.Table, paths: Sequence[str]
) -> Iterator[ResizeConfig]:
    """The ways that might fit, the likeliest first."""
    suggested = suggested_patterns(paths, _rows(cleaned))[:MAX_SUGGESTED] if paths else []
    for pattern in suggested:
        yield ResizeConfig(image_pattern=pattern)
    for column in columns:
        if _may_hold_images(column):
            yield ResizeConfig(image_column=column.name)
    if paths:
        for pattern in USUAL_PATTERNS:
            yield ResizeConfig(image_pattern=pattern)


def _image_paths(images: str) -> list[str]:
    files = (name for name, _ in listing(to_path(images)))
    return [name for name in islice(files, MAX_PATHS) if image_ending(name)]


def _rows(cleaned: pa.Table) -> list[Row]:
    """The values of the cleaned rows that a path may hold."""
    names = [
        field.name
        for field in cleaned.schema
        if pa.types.is_integer(field.type) or pa.types.is_string(field.type)
    ]
    rows = cleaned.select(names).to_pylist()
    return [{name: str(one) for name, one in row.items() if one not in (None, "")} for row in rows]


def _may_hold_images(column: Column) -> bool:
    if ref_type(column.kind):
        return bool(column.filled)
    shown = [sources_of(text) for text in column.filled]
    good = sum(bool(one) and all(is_address(s) or image_ending(s) for s in one) for one in shown)
    return bool(shown) and good >= SHARE_OF_IMAGES * len(shown)


def _try(way: ResizeConfig, folders: ImageFolders, cleaned: pa.Table) -> ImageFinding | None:
    """What a way finds; None if it is none for this table, such as a pattern over other columns."""
    try:
        place = open_place(folders, way, cleaned.schema)
    except UserError:
        return None
    rows_found = images = addresses = 0
    example = ""
    for batch in cleaned.to_batches():
        found = place.find(batch, [str(nm) for nm in batch.column(NM).to_pylist()])
        there = [
            (row, image)
            for row, image in zip(found.rows, found.images, strict=True)
            if image.size >= 0 or image.size == ADDRESS
        ]
        rows_found += len({row for row, _ in there})
        images += len(there)
        addresses += sum(image.size == ADDRESS for _, image in there)
        example = example or (there[0][1].name if there else "")
    return ImageFinding(way, cleaned.num_rows, rows_found, images, addresses, example)
