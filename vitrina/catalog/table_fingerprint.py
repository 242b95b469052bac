"""What tells that a processed table, or an image that it names, is another than before."""

import hashlib
from collections.abc import Sequence

import pyarrow.parquet as pq
from upath import UPath

from vitrina.catalog.processed_table import read_batches
from vitrina.store.content_hash import ContentHash
from vitrina.store.files import listing, local_read
from vitrina.store.fingerprint import file_fingerprint, fingerprint
from vitrina.store.paths import to_path

BATCH_ROWS = 5_000
IMAGE_HASH = "image_hash"  # the column with the content hash of a row's image
IMAGE_PATH = "image_path"


def table_fingerprint(table: UPath) -> str:
    """A hash of the rows and of their images.

    That of a Parquet table made by resize is of its content wherever it lies, the same as in
    :class:`vitrina.results.ResizeResult`. Any other is of its file and its images' stamps.
    """
    if table.suffix == ".parquet":
        with local_read(table) as local, pq.ParquetFile(local) as file:
            names = [name for name in file.schema_arrow.names if name != IMAGE_PATH]
            if IMAGE_HASH in names:
                content = ContentHash()
                for batch in file.iter_batches(BATCH_ROWS, columns=names):
                    content.update(batch)
                return content.hexdigest()
    images, stamps = ImageStamps(), hashlib.blake2b(digest_size=10)
    for frame in read_batches(table, BATCH_ROWS):
        stamps.update("\n".join(images.of(frame[IMAGE_PATH].astype(str).tolist())).encode())
    return fingerprint(file_fingerprint(table), stamps.hexdigest())


class ImageStamps:
    """Where images are, and their sizes and times, or ETags on S3; each folder is listed once."""

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, str]] = {}

    def of(self, paths: Sequence[str]) -> list[str]:
        """A text for each image that is another one when the file changes or goes."""
        return [f"{place} {self._stamp(place)}" for place in map(to_path, paths)]

    def _stamp(self, place: UPath) -> str:
        folder = str(place.parent)
        if folder not in self._folders:
            self._folders[folder] = {name: info.stamp for name, info in listing(place.parent)}
        return self._folders[folder].get(place.name, "")
