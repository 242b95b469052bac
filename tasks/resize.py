"""Stage "resize": a resized image for every row, and the processed table."""

import pandas  # noqa: F401 - each run needs it; imported here, without garbage collections

from tasks.orchestration import prefect_ui
from tasks.orchestration.ray_shards import shard_map
from tasks.orchestration.stage import StageTask
from vitrina.catalog.parquet_batches import read_schema
from vitrina.config.fetch import FetchConfig
from vitrina.config.images import ResizeConfig
from vitrina.config.run_options import RunOptions
from vitrina.images.image_folders import ImageFolders
from vitrina.images.inspect_images import inspect_images
from vitrina.images.resize_catalog import resize_catalog
from vitrina.images.resize_plan import ResizePlanner
from vitrina.results import CleanResult, ResizeResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.paths import to_path
from vitrina.store.stage import Stage, StageOutcome

STAGE = Stage("resize", ResizeResult, "vitrina.images.resize_catalog:resize_catalog")


@StageTask
def resize(
    cleaned: CleanResult,
    folders: ImageFolders,
    store: Store,
    config: ResizeConfig,
    options: RunOptions,
    fetching: FetchConfig | None = None,
) -> StageOutcome[ResizeResult]:
    """The processed table and its images; images that are missing or outdated are made again."""
    fetching = fetching or FetchConfig()
    planner = ResizePlanner.make(
        folders,
        config,
        read_schema(to_path(cleaned.table)),
        refresh=options.refresh,
        revalidate_hours=fetching.revalidate_hours,
    )
    images = inspect_images(cleaned, planner)
    if images.to_fetch:
        # Here, for it imports the HTTP client, which every start would wait for.
        from vitrina.images.fetch_images import fetch_images

        with (
            prefect_ui.progress("fetch", "image", "Images fetched") as progress,
            shard_map("resize", options.executor) as map_shards,
        ):
            total = images.to_fetch
            planner = fetch_images(cleaned, planner, fetching, total, progress, map_shards)
        images = inspect_images(cleaned, planner)

    def make(artifact: Artifact) -> tuple[ResizeResult, list[str]]:
        with (
            prefect_ui.progress("resize", "row", "Images resized") as progress,
            shard_map("resize", options.executor) as map_shards,
        ):
            return resize_catalog(cleaned, planner, artifact, progress, map_shards)

    inputs = {
        "cleaned": cleaned.fingerprint,
        "images": images.fingerprint,
        "folder": str(planner.resized),
        "parameters": config.content(),
        "csv_formulas": config.csv_formulas,
    }
    return STAGE.find_or_make(store, inputs, make, refresh=options.refresh or images.to_resize > 0)
