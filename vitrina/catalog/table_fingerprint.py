"""What tells that a processed table, or a picture that it names, is another than before."""

import hashlib
from collections.abc import Sequence

import pyarrow.parquet as pq
from upath import UPath

from vitrina.catalog.processed_table import read_batches
from vitrina.store.content_hash import ContentHash
from vitrina.store.files import listing, reading
from vitrina.store.fingerprint import file_fingerprint, fingerprint
from vitrina.store.paths import location

BATCH_ROWS = 5_000
HASHED = "picture_hash"  # the column with the content hash of a row's picture
PLACE = "image_path"


def table_fingerprint(table: UPath) -> str:
    """A hash of the rows and of their pictures.

    That of a Parquet table made by resize is of its content wherever it lies, the same as in
    :class:`vitrina.results.ResizeResult`. Any other is of its file and its pictures' stamps.
    """
    if table.suffix == ".parquet":
        with reading(table) as local, pq.ParquetFile(local) as file:
            names = [name for name in file.schema_arrow.names if name != PLACE]
            if HASHED in names:
                content = ContentHash()
                for batch in file.iter_batches(BATCH_ROWS, columns=names):
                    content.update(batch)
                return content.hexdigest()
    pictures, stamps = PictureStamps(), hashlib.blake2b(digest_size=10)
    for frame in read_batches(table, BATCH_ROWS):
        stamps.update("\n".join(pictures.of(frame[PLACE].astype(str).tolist())).encode())
    return fingerprint(file_fingerprint(table), stamps.hexdigest())


class PictureStamps:
    """Where pictures are, and their sizes and times, or ETags on S3; each folder is listed once."""

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, str]] = {}

    def of(self, paths: Sequence[str]) -> list[str]:
        """A text for each picture that is another one when the file changes or goes."""
        return [f"{place} {self._stamp(place)}" for place in map(location, paths)]

    def _stamp(self, place: UPath) -> str:
        folder = str(place.parent)
        if folder not in self._folders:
            self._folders[folder] = {name: info.stamp for name, info in listing(place.parent)}
        return self._folders[folder].get(place.name, "")
