"""Fingerprints of processed tables and of the images that they refer to."""

import hashlib
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from upath import UPath

from vitrina.catalog.parquet_batches import ParquetReader
from vitrina.catalog.processed_table import (
    IMAGE_HASH,
    IMAGE_PATH,
    IMAGE_PATHS,
    id_kind,
    read_batches,
)
from vitrina.store.content_hash import ContentHash
from vitrina.store.file_info import S3Folder, info_of
from vitrina.store.files import local_read
from vitrina.store.fingerprint import file_fingerprint, fingerprint
from vitrina.store.paths import is_local, to_path

BATCH_ROWS = 5_000
PATH_COLUMNS = (IMAGE_PATH, IMAGE_PATHS)


def table_fingerprint(table: UPath) -> str:
    """A hash of the rows and of their images.

    A Parquet table with image hashes, as resize writes it, is hashed by content: the hash equals
    that in :class:`vitrina.results.TableRef` wherever the table and its images are stored. Any
    other table is hashed as a file, together with its images' modification times or ETags and the
    type of its ids.
    """
    if table.suffix == ".parquet":
        with local_read(table) as local:
            reader = ParquetReader(local, table)
            names = [name for name in reader.schema.names if name not in PATH_COLUMNS]
            if IMAGE_HASH in names:
                content = ContentHash()
                for batch in reader.batches(BATCH_ROWS, names):
                    content.update(batch)
                return content.hexdigest()
    images, stamps = ImageStamps(), hashlib.blake2b(digest_size=10)
    for frame in read_batches(table, BATCH_ROWS, PATH_COLUMNS):
        paths = frame[IMAGE_PATH].astype(str).tolist()
        more = chain(*frame[IMAGE_PATHS]) if IMAGE_PATHS in frame else ()
        stamps.update("\n".join(images.of([*paths, *more])).encode())
    return fingerprint(file_fingerprint(table), id_kind(table), stamps.hexdigest())


class ImageStamps:
    """Paths of images with the stamps of their files; no folder is searched below.

    One look at each image, or on S3 as few requests as suffice.
    """

    def __init__(self) -> None:
        self._folders: dict[str, S3Folder] = {}

    def of(self, paths: Sequence[str]) -> list[str]:
        """A text for each image that changes when its file is changed, exchanged or removed."""
        images = [to_path(path) for path in paths]
        in_folders: dict[str, list[UPath]] = {}
        for image in images:
            if not is_local(image):
                in_folders.setdefault(str(image.parent), []).append(image)
        stamps: dict[str, str] = {}
        for folder, inside in in_folders.items():
            listed = self._folders.setdefault(folder, S3Folder(inside[0].parent))
            found = listed.find([image.name for image in inside])
            stamps |= {f"{folder}/{name}": info.stamp for name, info in found.items()}
        return [
            f"{image} {_local_stamp(image) if is_local(image) else stamps.get(str(image), '')}"
            for image in images
        ]


def _local_stamp(image: UPath) -> str:
    """Of a local file; empty if there is none, or none that may be looked at."""
    try:
        info = info_of(Path(image.path))
    except PermissionError:
        return ""
    return info.stamp if info else ""
