"""Clean and resize of a table that a test has made, with its images anywhere."""

from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from tests.support.image_shop import CONFIG, table_of
from vitrina.catalog.cleaning import clean_catalog
from vitrina.catalog.parquet_batches import read_schema
from vitrina.config.catalog import CleanConfig
from vitrina.config.fetch import FetchConfig
from vitrina.config.images import ResizeConfig
from vitrina.execution.shard_map import ShardMap
from vitrina.images.fetch_images import fetch_images
from vitrina.images.image_folders import ImageFolders
from vitrina.images.inspect_images import inspect_images
from vitrina.images.resize_catalog import resize_catalog
from vitrina.images.resize_plan import ResizePlanner
from vitrina.results import ResizeResult
from vitrina.store.artifacts import Artifact
from vitrina.store.files import atomic_write
from vitrina.store.paths import to_path


def catalog_of(ids: list[Any], **columns: Any) -> pa.Table:
    """A catalogue of these ids, with titles, descriptions and more columns."""
    texts = [f"Товар {nm}" for nm in ids]
    return pa.table({"nm": ids, "title": texts, "description": texts, **columns})


def run_catalog(
    root: UPath,
    catalog: pa.Table,
    originals: str | UPath = "",
    map_shards: ShardMap | None = None,
    clean: CleanConfig | None = None,
    fetching: FetchConfig | None = None,
    **parameters: Any,
) -> ResizeResult:
    """Clean and resize a catalogue below ``root``; ``parameters`` are those of resize."""
    fetching = fetching or FetchConfig(allow_private_addresses=True, revalidate_hours=0)
    with atomic_write(root / "catalog.parquet") as temp_file:
        pq.write_table(catalog, temp_file, row_group_size=4)
    path, config = root / "catalog.parquet", CONFIG.model_copy(update=parameters)
    config = ResizeConfig.model_validate(config.model_dump())
    artifact = Artifact(root / "clean")
    cleaned, _ = clean_catalog(path, artifact, clean or CleanConfig(), config.bytes_column)
    folders = ImageFolders(
        originals=str(originals), resized=str(root / "resized"), catalog=(str(path),)
    )
    schema = read_schema(to_path(cleaned.table))
    hours = fetching.revalidate_hours
    planner = ResizePlanner.make(folders, config, schema, revalidate_hours=hours)
    if to_fetch := inspect_images(cleaned, planner).to_fetch:
        planner = fetch_images(cleaned, planner, fetching, to_fetch, map_shards=map_shards)
        inspect_images(cleaned, planner)
    artifact = Artifact(root / "table")
    result, _ = resize_catalog(cleaned, planner, artifact, map_shards=map_shards)
    assert result.rows_in == result.rows_kept + sum(result.reasons.values())
    return result


def content_of(result: ResizeResult) -> pd.DataFrame:
    """The processed table without the paths of its images and what only some forms have."""
    table = table_of(result)
    names = ["title", "nm", "description", "image_hash"]
    return table[names]


def images_of(result: ResizeResult) -> list[int]:
    """The number of images of each row that was kept."""
    return [len(paths) for paths in table_of(result)["image_paths"]]
