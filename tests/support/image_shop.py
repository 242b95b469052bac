"""A catalogue with images for tests of clean and resize, local or in a bucket."""

import csv
import io
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from upath import UPath

from vitrina.catalog.cleaning import clean_catalog
from vitrina.config import CleanConfig, ResizeConfig
from vitrina.execution.shard_map import ShardMap
from vitrina.images import resize_pool as image_pool
from vitrina.images.resize_catalog import resize_catalog
from vitrina.images.resize_image import resize_image
from vitrina.images.resize_plan import ResizePlanner
from vitrina.results import CleanResult, ResizeResult
from vitrina.store.artifacts import Artifact
from vitrina.store.files import atomic_write, listing, local_read, read_bytes, write_bytes
from vitrina.store.paths import to_path

CONFIG = ResizeConfig(default_image_size=(32, 32))


def image(seed: int, size: tuple[int, int] = (60, 80), kind: str = "JPEG") -> bytes:
    """An image of its own colour."""
    colour = np.random.default_rng(seed).integers(0, 255, 3)
    file = io.BytesIO()
    Image.fromarray(np.full((*size[::-1], 3), colour, np.uint8)).save(file, kind)
    return file.getvalue()


class Shop:
    """A catalogue and its images at a place, and runs of clean and resize on them."""

    def __init__(self, place: UPath, rows: int = 6) -> None:
        self.place = place
        self.images, self.images = place / "images", place / "images"
        self.ids: list[Any] = list(range(rows))
        for nm in self.ids:
            self.put(nm, image(nm))

    def put(self, nm: Any, data: bytes) -> None:
        """Give a listing an image."""
        write_bytes(self.images / f"{nm}.jpg", data)

    def cleaned(self) -> CleanResult:
        """The cleaned table of the ids."""
        texts = [f"Товар {nm}" for nm in self.ids]
        table = pa.table({"nm": self.ids, "title": texts, "description": texts, "kind": texts})
        with atomic_write(self.place / "catalog.parquet") as aside:
            pq.write_table(table, aside)
        artifact = Artifact(self.place / "clean")
        return clean_catalog(self.place / "catalog.parquet", artifact, CleanConfig())[0]

    def survey(self, config: ResizeConfig = CONFIG, **options: Any) -> ResizePlanner:
        """What there is to see."""
        return ResizePlanner.make(self.images, self.images, config, **options)

    def run(
        self,
        name: str = "resize",
        config: ResizeConfig = CONFIG,
        map_shards: ShardMap | None = None,
        **options: Any,
    ) -> ResizeResult:
        """Clean and resize; the files are in the folder of the name."""
        artifact = Artifact(self.place / name)
        survey = self.survey(config, **options)
        result, files = resize_catalog(self.cleaned(), survey, artifact, map_shards=map_shards)
        assert set(files) <= set(dict(listing(artifact.path)))
        return result

    def files(self, name: str = "resize") -> dict[str, bytes]:
        """Table and images, without the index."""
        places = (self.place / name, self.images)
        return {
            file: read_bytes(place / file)
            for place in places
            for file, _ in listing(place)
            if not file.startswith(".")
        }


def table_of(result: ResizeResult) -> pd.DataFrame:
    """The processed table."""
    with local_read(to_path(result.table)) as local:
        return pd.read_parquet(local)


def rejects_of(result: ResizeResult) -> list[list[str]]:
    """The rejected rows."""
    text = read_bytes(to_path(result.rejected)).decode()
    return list(csv.reader(io.StringIO(text)))


def opens(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """A list that every image that is opened from now on is added to."""
    seen: list[bytes] = []

    def watched(data: bytes, config: ResizeConfig) -> bytes:
        seen.append(data)
        return resize_image(data, config)

    monkeypatch.setattr(image_pool, "shrink", watched)
    return seen
