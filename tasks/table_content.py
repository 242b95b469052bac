"""What tells that a processed table, or a picture that it names, is another than before."""

import hashlib
from collections.abc import Sequence

import pyarrow.parquet as pq
from upath import UPath

from tasks.content import ContentHash
from tasks.storage import file_fingerprint, fingerprint, listing, location, reading
from tasks.table import read_batches

BATCH_ROWS = 5_000
HASHED = "picture_hash"  # the column with the content hash of a row's picture
PLACE = "image_path"


def table_fingerprint(table: UPath) -> str:
    """A hash of the rows and of their pictures.

    That of a Parquet table made by resize is of its content wherever it lies, the same as in
    :class:`tasks.results.ResizeResult`. Any other is of its file and its pictures' stamps.
    """
    if table.suffix == ".parquet":
        with reading(table) as local, pq.ParquetFile(local) as file:
            names = [name for name in file.schema_arrow.names if name != PLACE]
            if HASHED in names:
                content = ContentHash()
                for batch in file.iter_batches(BATCH_ROWS, columns=names):
                    content.update(batch)
                return content.hexdigest()
    stamps = hashlib.blake2b(digest_size=10)
    for frame in read_batches(table, BATCH_ROWS):
        stamps.update("\n".join(picture_stamps(frame[PLACE].astype(str).tolist())).encode())
    return fingerprint(file_fingerprint(table), stamps.hexdigest())


def picture_stamps(paths: Sequence[str]) -> list[str]:
    """Each picture's place with its size and time, or its ETag on S3; one listing per folder."""
    places = [location(path) for path in paths]
    folders = {str(place.parent): place.parent for place in places}
    found = {name: dict(listing(folder)) for name, folder in folders.items()}

    def stamped(place: UPath) -> str:
        info = found[str(place.parent)].get(place.name)
        return f"{place} {info.stamp if info else ''}"

    return [stamped(place) for place in places]
