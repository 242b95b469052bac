"""Bring every listing's picture to size, and write the processed table.

The folder of resized pictures fills up over runs: a picture is opened when it is new or changed.
"""

import hashlib
import logging
from collections import deque
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.catalog.processed_writer import CSV, REJECTED, TABLE, ProcessedTable, writing_processed
from vitrina.config import ResizeConfig
from vitrina.errors import UserError
from vitrina.execution.progress import OnProgress, unheard
from vitrina.execution.shard_map import MapShards
from vitrina.images.resize_index import Outcome
from vitrina.images.resize_plan import UNSEEN, Job, Survey, target_name
from vitrina.images.resize_pool import Plan, carrying_out
from vitrina.results import CleanResult, ResizeResult
from vitrina.store.artifacts import Artifact
from vitrina.store.files import reading, remove_abandoned
from vitrina.store.fingerprint import fingerprint
from vitrina.store.paths import location

logger = logging.getLogger(__name__)
BATCH_ROWS = 2_000  # also a shard, whose run costs Prefect some 0.1 s whatever its size


def pictures_folder(output: str, images: str, config: ResizeConfig) -> str:
    """Where the pipeline keeps pictures resized with these settings, shared by all its runs.

    Another folder of originals has another one: there the same id may be another picture.
    """
    source = str(location(images)), config.picture_pattern
    return str(location(output) / "pictures" / fingerprint(source, config.picture()))


def look(cleaned: CleanResult, survey: Survey) -> tuple[str, int]:
    """A fingerprint of the pictures that the rows refer to, and how many must be resized.

    Raises UserError if none of them is there.
    """
    stamps = hashlib.blake2b(digest_size=10)
    found = to_resize = 0
    with flat_memory():
        for batch in _batches(cleaned.table, ["nm"]):
            plan = survey.plan(_ids(batch))
            stamps.update(np.array([step.stamp for step in plan], np.uint64).tobytes())
            found += sum(step.stamp != UNSEEN for step in plan)
            to_resize += sum(isinstance(step, Job) for step in plan)
    if cleaned.rows_kept and not found:
        raise UserError(
            f"{survey.images} has the picture of none of {cleaned.rows_kept} rows, for instance no "
            f"{survey.source_name(plan[0].nm)}. Set another folder, or resize.picture_pattern."
        )
    return stamps.hexdigest(), to_resize


def resize_catalog(
    cleaned: CleanResult,
    survey: Survey,
    artifact: Artifact,
    progress: OnProgress = unheard,
    map_shards: MapShards | None = None,
) -> tuple[ResizeResult, list[str]]:
    """Write the processed table, and those of its pictures that are not there yet.

    ``progress`` hears how many rows are done of how many. Rows of the catalogue = rows kept + rows
    rejected. A run that was killed goes on from where it was when it is started again. With
    ``map_shards`` pictures are resized where that works on shards, else in threads of this process.
    """
    remove_abandoned(survey.pictures)
    done = opened = 0
    with (
        flat_memory(),
        writing_processed(artifact.path, _schema(cleaned.table)) as processed,
        survey.index.recording() as record,
        carrying_out(survey, map_shards) as carry_out,
    ):
        for batch in _batches(cleaned.rejected):
            processed.reject(zip(*batch.to_pydict().values(), strict=True))
        planned: deque[tuple[pa.RecordBatch, Plan]] = deque()

        def plans() -> Iterator[Plan]:
            for batch in _batches(cleaned.table):
                planned.append((batch, survey.plan(_ids(batch))))
                yield planned[-1][1]

        for steps in carry_out(plans()):
            batch, plan = planned.popleft()
            outcomes: dict[int, Outcome] = {}
            for row, outcome in steps:
                outcomes[row] = outcome
                done += 1
                progress(done, cleaned.rows_kept)
                if isinstance(plan[row], Job):
                    opened += 1
                    record(outcome)
            _add(batch, [outcomes[row] for row in range(len(plan))], survey.pictures, processed)
    result = ResizeResult(
        table=str(artifact.path / TABLE),
        csv=str(artifact.path / CSV),
        rejected=str(artifact.path / REJECTED),
        pictures=str(survey.pictures),
        fingerprint=processed.content.hexdigest(),
        rows_in=cleaned.rows_in,
        rows_kept=processed.rows_kept,
        reasons=dict(sorted(processed.reasons.items())),
        pictures_resized=opened,
    )
    logger.info(
        "resize: %d rows = %d kept + %d rejected %s; %d pictures opened",
        result.rows_in,
        result.rows_kept,
        sum(result.reasons.values()),
        result.reasons,
        opened,
    )
    return result, [TABLE, CSV, REJECTED]


def _add(
    batch: pa.RecordBatch, outcomes: list[Outcome], pictures: UPath, processed: ProcessedTable
) -> None:
    kept = [row for row, outcome in enumerate(outcomes) if not outcome.reason]
    processed.keep(
        batch.take(pa.array(kept, pa.int64())),
        [f"{pictures}/{target_name(outcomes[row].nm)}" for row in kept],
        [outcomes[row].hash for row in kept],
    )
    processed.reject((outcome.nm, outcome.reason) for outcome in outcomes if outcome.reason)


def _batches(table: str, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    with reading(location(table)) as local, pq.ParquetFile(local) as file:
        yield from file.iter_batches(BATCH_ROWS, columns=columns)


def _schema(table: str) -> pa.Schema:
    with reading(location(table)) as local:
        return pq.read_schema(local)


def _ids(batch: pa.RecordBatch) -> list[str]:
    return [str(nm) for nm in batch.column("nm").to_pylist()]
