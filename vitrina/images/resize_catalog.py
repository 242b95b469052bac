"""Resize the image of every listing and write the processed table.

The folder of resized images is reused by later runs, which open only new and changed images.
"""

import logging
from collections import deque
from collections.abc import Iterator

import pyarrow as pa

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.catalog.image_refs import without_refs
from vitrina.catalog.parquet_batches import read_schema
from vitrina.catalog.processed_table import NM
from vitrina.catalog.processed_writer import (
    CSV,
    REJECTED,
    REJECTED_IMAGES,
    TABLE,
    ProcessedTableWriter,
    open_processed_writer,
)
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.execution.shard_map import ShardMap
from vitrina.images.cleaned_rows import cleaned_batches
from vitrina.images.rejected_examples import RejectedExamples
from vitrina.images.resize_index import ResizeOutcome
from vitrina.images.resize_plan import Plan, ResizeJob, ResizePlanner, target_name
from vitrina.images.resize_pool import ExecutePlans, Outcomes, open_plan_executor
from vitrina.results import CleanResult, ResizeResult, TableRef
from vitrina.store.artifacts import Artifact
from vitrina.store.files import remove, remove_stale_temp_files
from vitrina.store.paths import to_path

logger = logging.getLogger(__name__)


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
            artifact.path,
            without_refs(read_schema(to_path(cleaned.table))),
            planner.config.csv_formulas,
            several_images=planner.place.several,
        ) as processed,
        planner.index.recording() as record,
        open_plan_executor(planner, map_shards) as execute,
    ):
        for batch in cleaned_batches(cleaned.rejected):
            processed.reject(zip(*batch.to_pydict().values(), strict=True))
        done, opened, examples = 0, 0, RejectedExamples(planner)
        for batch, plan, outcomes in _executed(cleaned.table, planner, execute):
            by_step: dict[int, ResizeOutcome] = {}
            left = plan.steps_by_row(batch.num_rows)
            for step, outcome in outcomes:
                by_step[step] = outcome
                left[plan.rows[step]] -= 1
                done += not left[plan.rows[step]]
                progress(done, cleaned.rows_kept)
                if isinstance(plan.steps[step], ResizeJob):
                    opened += 1
                    record(outcome)
            in_order = [by_step[step] for step in range(len(plan.steps))]
            rejected = _add(batch, plan, in_order, planner, processed)
            examples.add(batch, plan, rejected)
    result = _result(cleaned, planner, artifact, processed, opened)
    result = result.model_copy(update={"rejected_examples": tuple(examples.examples)})
    _log(result)
    files = [TABLE, CSV, REJECTED]
    if planner.place.several:
        return result, [*files, REJECTED_IMAGES]
    remove([artifact.path / REJECTED_IMAGES])  # of an earlier run, in a folder of the user's
    return result, files


def _executed(
    table: str, planner: ResizePlanner, execute: ExecutePlans
) -> Iterator[tuple[pa.RecordBatch, Plan, Outcomes]]:
    """Each batch of the table with its plan and its outcomes; an executor may plan ahead."""
    planned: deque[tuple[pa.RecordBatch, Plan]] = deque()

    def plans() -> Iterator[Plan]:
        for batch in cleaned_batches(table):
            plan = planner.plan(batch)
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
        rejected_images=str(artifact.path / REJECTED_IMAGES) if planner.place.several else "",
        images=str(planner.resized),
        rows_in=cleaned.rows_in,
        rows_kept=processed.rows_kept,
        reasons=dict(sorted(processed.reasons.items())),
        images_resized=opened + planner.fetched,
        images_rejected=dict(sorted(processed.image_reasons.items())),
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
    if result.images_rejected:
        logger.info("resize: images rejected %s, see rejected_images.csv", result.images_rejected)


def _add(
    batch: pa.RecordBatch,
    plan: Plan,
    outcomes: list[ResizeOutcome],
    planner: ResizePlanner,
    processed: ProcessedTableWriter,
) -> dict[int, str]:
    """Write a batch's rows, each as kept or as rejected for the reason of its first image.

    Returns the reasons of the rejected rows.
    """
    good: list[list[ResizeOutcome]] = [[] for _ in range(batch.num_rows)]
    reasons: dict[int, str] = {}
    for row, outcome in zip(plan.rows, outcomes, strict=True):
        if outcome.reason:
            reasons.setdefault(row, outcome.reason)
        else:
            good[row].append(outcome)
    kept = [row for row, images in enumerate(good) if images]
    processed.keep(
        batch.take(pa.array(kept, pa.int64())),
        [[f"{planner.resized}/{target_name(one.name)}" for one in good[row]] for row in kept],
        [[one.hash for one in good[row]] for row in kept],
    )
    ids = batch.column(NM)
    rejected = {row: reasons[row] for row in sorted(reasons) if not good[row]}
    processed.reject((str(ids[row]), reason) for row, reason in rejected.items())
    if planner.place.several:
        processed.reject_images(
            (str(ids[row]), source, outcome.reason)
            for row, source, outcome in zip(plan.rows, plan.sources, outcomes, strict=True)
            if outcome.reason
        )
    return rejected
