"""Resize the image of every listing and write the processed table.

The folder of resized images is reused by later runs, which open only new and changed images.
"""

import hashlib
import logging
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from upath import UPath

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.catalog.parquet_batches import ParquetReader, read_schema
from vitrina.catalog.processed_table import NM
from vitrina.catalog.processed_writer import (
    CSV,
    REJECTED,
    TABLE,
    ProcessedTableWriter,
    open_processed_writer,
)
from vitrina.config.images import ResizeConfig
from vitrina.config.parameters import Parameters
from vitrina.errors import UserError
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.execution.shard_map import ShardMap
from vitrina.images.resize_index import ResizeOutcome
from vitrina.images.resize_plan import NO_STAMP, ResizeJob, ResizePlanner, target_name
from vitrina.images.resize_pool import ExecutePlans, Outcomes, Plan, open_plan_executor
from vitrina.results import CleanResult, ResizeResult, TableRef
from vitrina.store.artifacts import Artifact
from vitrina.store.files import local_read, remove_stale_temp_files
from vitrina.store.fingerprint import fingerprint
from vitrina.store.paths import to_path

logger = logging.getLogger(__name__)
BATCH_ROWS = 2_000  # also of a shard, which costs Prefect some 0.1 s whatever its size


class ImageFolders(Parameters):
    """Where the original images are, and where the resized ones go."""

    originals: str
    resized: str


def resized_folder(output: str, originals: str, config: ResizeConfig) -> str:
    """Where the pipeline keeps images resized with these settings, shared by all its runs.

    It depends on the folder of originals, as the same id may have another image in another one.
    """
    source = str(to_path(originals)), config.image_pattern
    return str(to_path(output) / "images" / fingerprint(source, config.content()))


class ImageStats(NamedTuple):
    """The images of a table's rows, before any of them is opened."""

    fingerprint: str  # changes when any image or a setting does
    to_resize: int  # new or changed images


def inspect_images(cleaned: CleanResult, planner: ResizePlanner) -> ImageStats:
    """Fingerprint the images of all rows and count those to resize.

    Raises UserError if no row has an image.
    """
    stamps = hashlib.blake2b(digest_size=10)
    present = to_resize = 0
    with flat_memory():
        for batch in _batches(cleaned.table, [NM]):
            plan = planner.plan(_ids(batch))
            stamps.update(np.array([step.stamp for step in plan], np.uint64).tobytes())
            present += sum(step.stamp != NO_STAMP for step in plan)
            to_resize += sum(isinstance(step, ResizeJob) for step in plan)
    if cleaned.rows_kept and not present:
        raise UserError(
            f"{planner.originals} has no image for any of {cleaned.rows_kept} rows, for example no "
            f"{planner.source_name(plan[0].nm)}. Set another folder, or resize.image_pattern."
        )
    return ImageStats(stamps.hexdigest(), to_resize)


def resize_catalog(
    cleaned: CleanResult,
    planner: ResizePlanner,
    artifact: Artifact,
    progress: OnProgress = no_progress,
    map_shards: ShardMap | None = None,
) -> tuple[ResizeResult, list[str]]:
    """Resize the images that need it and write the processed table; its result and file names.

    ``progress`` is called with rows done and in total. Rows of the catalogue = rows kept + rows
    rejected. A killed run resumes when it is started again. With ``map_shards`` images are resized
    where that computes shards, else in threads of this process.
    """
    remove_stale_temp_files(planner.resized)
    with (
        flat_memory(),
        open_processed_writer(
            artifact.path, read_schema(to_path(cleaned.table)), planner.config.csv_formulas
        ) as processed,
        planner.index.recording() as record,
        open_plan_executor(planner, map_shards) as execute,
    ):
        for batch in _batches(cleaned.rejected):
            processed.reject(zip(*batch.to_pydict().values(), strict=True))
        done = opened = 0
        for batch, plan, outcomes in _executed(cleaned.table, planner, execute):
            by_row: dict[int, ResizeOutcome] = {}
            for row, outcome in outcomes:
                by_row[row] = outcome
                done += 1
                progress(done, cleaned.rows_kept)
                if isinstance(plan[row], ResizeJob):
                    opened += 1
                    record(outcome)
            _add(batch, [by_row[row] for row in range(len(plan))], planner.resized, processed)
    result = _result(cleaned, planner, artifact, processed, opened)
    _log(result)
    return result, [TABLE, CSV, REJECTED]


def _executed(
    table: str, planner: ResizePlanner, execute: ExecutePlans
) -> Iterator[tuple[pa.RecordBatch, Plan, Outcomes]]:
    """Each batch of the table with its plan and its outcomes; an executor may plan ahead."""
    planned: deque[tuple[pa.RecordBatch, Plan]] = deque()

    def plans() -> Iterator[Plan]:
        for batch in _batches(table):
            plan = planner.plan(_ids(batch))
            planned.append((batch, plan))
            yield plan

    for outcomes in execute(plans()):
        yield *planned.popleft(), outcomes


def _result(
    cleaned: CleanResult,
    planner: ResizePlanner,
    artifact: Artifact,
    processed: ProcessedTableWriter,
    opened: int,
) -> ResizeResult:
    return ResizeResult(
        table=TableRef(path=str(artifact.path / TABLE), fingerprint=processed.content.hexdigest()),
        csv=str(artifact.path / CSV),
        rejected=str(artifact.path / REJECTED),
        images=str(planner.resized),
        rows_in=cleaned.rows_in,
        rows_kept=processed.rows_kept,
        reasons=dict(sorted(processed.reasons.items())),
        images_resized=opened,
    )


def _log(result: ResizeResult) -> None:
    logger.info(
        "resize: %d rows = %d kept + %d rejected %s; %d images opened",
        result.rows_in,
        result.rows_kept,
        sum(result.reasons.values()),
        result.reasons,
        result.images_resized,
    )


def _add(
    batch: pa.RecordBatch,
    outcomes: list[ResizeOutcome],
    resized: UPath,
    processed: ProcessedTableWriter,
) -> None:
    """Write a batch's rows, each as kept or as rejected."""
    kept = [row for row, outcome in enumerate(outcomes) if not outcome.reason]
    processed.keep(
        batch.take(pa.array(kept, pa.int64())),
        [[f"{resized}/{target_name(outcomes[row].nm)}"] for row in kept],
        [[outcomes[row].hash] for row in kept],
    )
    processed.reject((outcome.nm, outcome.reason) for outcome in outcomes if outcome.reason)


def _batches(table: str, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    path = to_path(table)
    with local_read(path) as local:
        yield from ParquetReader(local, path).batches(BATCH_ROWS, columns)


def _ids(batch: pa.RecordBatch) -> list[str]:
    return [str(nm) for nm in batch.column(NM).to_pylist()]
