"""Size and sharpness of every image, in files of some thousand rows each.

A killed run goes on with the next file. Images that an earlier run has measured, by the hash of
their content, are not opened again.
"""

import functools
import io
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from upath import UPath

from vitrina.catalog.processed_table import IMAGE_HASH, IMAGE_PATH, read_batches
from vitrina.catalog.products import column_texts, text_key
from vitrina.execution.cpu_count import cpu_count
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.images.load import UNREADABLE
from vitrina.store.files import atomic_write, is_temp_file, listing, local_read, read_bytes
from vitrina.store.fingerprint import fingerprint
from vitrina.store.paths import is_local, to_path

logger = logging.getLogger(__name__)

FOLDER = "images"
BATCH_ROWS = 5_000
S3_THREADS = 32
COLUMNS = ("key", "width", "height", "sharpness")


class ImageMeasures(NamedTuple):
    """Of each image its key, size in pixels (0 if it cannot be read) and sharpness (or NaN)."""

    key: npt.NDArray[np.int64]
    width: npt.NDArray[np.int32]
    height: npt.NDArray[np.int32]
    sharpness: npt.NDArray[np.float32]

    @classmethod
    def joined(cls, parts: Iterable["ImageMeasures"]) -> "ImageMeasures":
        """All images of several parts."""
        parts = [empty(), *parts]
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    @property
    def longer_side(self) -> npt.NDArray[np.int32]:
        """Pixels of the longer side."""
        longer: npt.NDArray[np.int32] = np.maximum(self.width, self.height)
        return longer


def empty() -> ImageMeasures:
    """No images."""
    integers = np.zeros(0, np.int32)
    return ImageMeasures(np.zeros(0, np.int64), integers, integers, np.zeros(0, np.float32))


def measure_image(data: bytes) -> tuple[int, int, float]:
    """Width, height and sharpness of an encoded image.

    Sharpness is the variance of the Laplacian relative to that of the grey levels: of a blurred
    image it is small whatever its contrast. NaN for an image of one colour.
    """
    with Image.open(io.BytesIO(data)) as image:
        image.draft("L", image.size)
        grey = np.asarray(image.convert("L"), np.float32)
    height, width = grey.shape
    variance = float(grey.var())
    if min(width, height) < 3 or variance < 1:
        return width, height, float("nan")
    inner = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return width, height, float((around - 4 * inner).var()) / variance


@dataclass(frozen=True)
class ImageMeter:
    """Measures the images of a table.

    ``locate`` gives the place of an image for its path in the table; ``known`` are measures of
    earlier runs. With ``refresh`` the files of a killed run are not used.
    """

    table: UPath
    folder: UPath
    known: ImageMeasures
    locate: Callable[[str], str] = str
    refresh: bool = False

    def measure(
        self, rows: int, progress: OnProgress = no_progress
    ) -> tuple[ImageMeasures, list[str]]:
        """The measures of all rows in their order, and the names of the files that hold them."""
        stored = (name for name, _ in listing(self.folder / FOLDER))
        present = set() if self.refresh else {name for name in stored if not is_temp_file(name)}
        parts: list[ImageMeasures] = []
        names: list[str] = []
        done = 0
        with ThreadPoolExecutor(cpu_count() if self._is_local() else S3_THREADS) as pool:
            for frame in read_batches(self.table, BATCH_ROWS, (IMAGE_PATH, IMAGE_HASH)):
                keys = image_keys(frame)
                name = f"part-{len(names):05d}-{fingerprint(keys.tolist())}.parquet"
                path = self.folder / FOLDER / name
                if name in present:
                    part = read_part(path)
                else:
                    part = self._part(keys, frame[IMAGE_PATH].astype(str).tolist(), pool)
                    write_part(path, part)
                parts.append(part)
                names.append(f"{FOLDER}/{name}")
                done += len(frame)
                progress(done, rows)
        measures = ImageMeasures.joined(parts)
        if unread := int((measures.width == 0).sum()):
            logger.warning("health: %d of %d images cannot be read", unread, len(measures.width))
        return measures, names

    @functools.cached_property
    def _known_order(self) -> npt.NDArray[np.int64]:
        return np.argsort(self.known.key)

    def _is_local(self) -> bool:
        frame = next(read_batches(self.table, 1, (IMAGE_PATH,)), None)
        return frame is None or is_local(to_path(self.locate(str(frame[IMAGE_PATH].iloc[0]))))

    def _part(
        self, keys: npt.NDArray[np.int64], paths: list[str], pool: ThreadPoolExecutor
    ) -> ImageMeasures:
        width, height = np.zeros((2, len(keys)), np.int32)
        sharpness = np.full(len(keys), np.nan, np.float32)
        order = self._known_order
        is_known = np.zeros(len(keys), np.bool_)
        if len(order):
            position = np.searchsorted(self.known.key, keys, sorter=order)
            position = order[position.clip(max=len(order) - 1)]
            is_known = (self.known.key[position] == keys) & (keys != 0)
            for target, source in zip((width, height, sharpness), self.known[1:], strict=True):
                target[is_known] = source[position[is_known]]
        new = np.flatnonzero(~is_known)
        found = pool.map(self._measured, [paths[row] for row in new])
        for row, (wide, high, sharp) in zip(new, found, strict=True):
            width[row], height[row], sharpness[row] = wide, high, sharp
        return ImageMeasures(keys, width, height, sharpness)

    def _measured(self, path: str) -> tuple[int, int, float]:
        try:
            return measure_image(read_bytes(to_path(self.locate(path))))
        except UNREADABLE:
            return 0, 0, float("nan")


def image_keys(frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Hashes of the images' contents, int64; 0 where the table has none."""
    texts = column_texts(frame, IMAGE_HASH)
    return np.fromiter(map(text_key, texts), np.int64, len(frame))


def write_part(path: UPath, measures: ImageMeasures) -> None:
    """Write some measures."""
    with atomic_write(path) as temp_file:
        pq.write_table(pa.table(dict(zip(COLUMNS, measures, strict=True))), temp_file)


def read_part(path: UPath) -> ImageMeasures:
    """Read some measures."""
    with local_read(path) as local:
        table = pq.read_table(local)
    return ImageMeasures(*(table[name].to_numpy() for name in COLUMNS))


def read_parts(paths: Iterable[UPath]) -> ImageMeasures:
    """Read the measures of several files."""
    return ImageMeasures.joined(map(read_part, paths))
