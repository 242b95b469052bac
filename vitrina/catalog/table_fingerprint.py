"""Fingerprints of processed tables and of the images that they refer to."""

import hashlib
from collections.abc import Sequence

import pyarrow.parquet as pq
from upath import UPath

from vitrina.catalog.processed_table import IMAGE_HASH, IMAGE_PATH, read_batches
from vitrina.store.content_hash import ContentHash
from vitrina.store.files import listing, local_read
from vitrina.store.fingerprint import file_fingerprint, fingerprint
from vitrina.store.paths import to_path

BATCH_ROWS = 5_000


def table_fingerprint(table: UPath) -> str:
    """A hash of the rows and of their images.

    A Parquet table with image hashes, as resize writes it, is hashed by content: the hash equals
    that in :class:`vitrina.results.TableRef` wherever the table and its images are stored. Any
    other table is hashed as a file, together with its images' modification times or ETags.
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
    """Paths of images with their sizes and modification times, or ETags on S3.

    Each folder is listed once, when the first of its images is asked for.
    """

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, str]] = {}

    def of(self, paths: Sequence[str]) -> list[str]:
        """A text for each image that changes when its file is changed or removed."""
        return [f"{path} {self._stamp(path)}" for path in map(to_path, paths)]

    def _stamp(self, path: UPath) -> str:
        folder = str(path.parent)
        if folder not in self._folders:
            self._folders[folder] = {name: info.stamp for name, info in listing(path.parent)}
        return self._folders[folder].get(path.name, "")
