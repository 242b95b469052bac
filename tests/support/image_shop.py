"""A catalogue with images for tests of clean and resize, on disk or in a bucket."""

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
from vitrina.catalog.parquet_batches import read_schema
from vitrina.config.catalog import CleanConfig
from vitrina.config.images import ResizeConfig
from vitrina.execution.shard_map import ShardMap
from vitrina.images import resize_pool
from vitrina.images.image_folders import ImageFolders
from vitrina.images.inspect_images import inspect_images
from vitrina.images.resize_catalog import resize_catalog
from vitrina.images.resize_image import resize_image
from vitrina.images.resize_plan import Plan, ResizePlanner
from vitrina.results import CleanResult, ResizeResult
from vitrina.store.artifacts import Artifact
from vitrina.store.files import atomic_write, listing, local_read, read_bytes, write_bytes
from vitrina.store.paths import to_path

CONFIG = ResizeConfig(default_image_size=(32, 32))


def image(seed: int, size: tuple[int, int] = (60, 80), kind: str = "JPEG") -> bytes:
    """The file of an image in one colour, which the seed decides."""
    colour = np.random.default_rng(seed).integers(0, 255, 3)
    file = io.BytesIO()
    Image.fromarray(np.full((*size[::-1], 3), colour, np.uint8)).save(file, kind)
    return file.getvalue()


class Shop:
    """A catalogue with images below a folder, and runs of clean and resize on them."""

    def __init__(self, root: UPath, rows: int = 6) -> None:
        self.root = root
        self.originals, self.images = root / "originals", root / "images"
        self.ids: list[Any] = list(range(rows))
        for nm in self.ids:
            self.put(nm, image(nm))

    def put(self, nm: Any, data: bytes) -> None:
        """Write the original image of a listing."""
        write_bytes(self.originals / f"{nm}.jpg", data)

    def cleaned(self) -> CleanResult:
        """The cleaned table of the ids."""
        texts = [f"Товар {nm}" for nm in self.ids]
        table = pa.table({"nm": self.ids, "title": texts, "description": texts, "kind": texts})
        with atomic_write(self.root / "catalog.parquet") as temp_file:
            pq.write_table(table, temp_file)
        artifact = Artifact(self.root / "clean")
        return clean_catalog(self.root / "catalog.parquet", artifact, CleanConfig())[0]

    def folders(self) -> ImageFolders:
        """The folders of original and of resized images."""
        return ImageFolders(originals=str(self.originals), resized=str(self.images))

    def planner(self, config: ResizeConfig = CONFIG, **options: Any) -> ResizePlanner:
        """A planner of the images as they are now."""
        schema = pa.schema([("nm", pa.string())])
        return ResizePlanner.make(self.folders(), config, schema, **options)

    def plan(self, *ids: str, config: ResizeConfig = CONFIG) -> Plan:
        """The plan of a batch of rows with these ids."""
        return self.planner(config).plan(pa.RecordBatch.from_pydict({"nm": list(ids)}))

    def run(
        self,
        name: str = "resize",
        config: ResizeConfig = CONFIG,
        map_shards: ShardMap | None = None,
        **options: Any,
    ) -> ResizeResult:
        """Clean and resize; the table is written to the folder ``name``."""
        artifact = Artifact(self.root / name)
        cleaned = self.cleaned()
        planner = ResizePlanner.make(
            self.folders(), config, read_schema(to_path(cleaned.table)), **options
        )
        inspect_images(cleaned, planner)
        result, files = resize_catalog(cleaned, planner, artifact, map_shards=map_shards)
        assert set(files) <= set(dict(listing(artifact.path)))
        return result

    def files(self, name: str = "resize") -> dict[str, bytes]:
        """The files of the table and of the images, without the index."""
        folders = (self.root / name, self.images)
        return {
            file: read_bytes(folder / file)
            for folder in folders
            for file, _ in listing(folder)
            if not file.startswith(".")
        }


def table_of(result: ResizeResult) -> pd.DataFrame:
    """The processed table."""
    with local_read(to_path(result.table.path)) as local:
        return pd.read_parquet(local)


def rejects_of(result: ResizeResult) -> list[list[str]]:
    """The lines of rejected.csv."""
    text = read_bytes(to_path(result.rejected)).decode()
    return list(csv.reader(io.StringIO(text)))


def record_opened(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """A list to which the file of every image that is opened from now on is added."""
    opened: list[bytes] = []

    def watched(data: bytes, config: ResizeConfig) -> bytes:
        opened.append(data)
        return resize_image(data, config)

    monkeypatch.setattr(resize_pool, "resize_image", watched)
    return opened
