"""The health of a run's catalogue as files: findings, measures of images, samples to show."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.catalog.chosen_rows import chosen_rows
from vitrina.catalog.ids import read_ids
from vitrina.catalog.processed_table import IMAGE_PATH, NM, TITLE
from vitrina.catalog.row_keys import read_row_keys
from vitrina.config.health import HealthConfig
from vitrina.config.training import SplitConfig
from vitrina.embedding.vector_file import VectorFile
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.health.categories import find_contradictions, train_on_categories
from vitrina.health.duplicates import find_duplicates
from vitrina.health.image_measures import ImageMeasures, ImageMeter, empty
from vitrina.health.images import find_blurred_images, find_small_images
from vitrina.health.mismatch import find_mismatches
from vitrina.health.placeholders import find_placeholders
from vitrina.health.problems import Findings, Rows
from vitrina.health.samples import make_samples, shown_rows, write_samples
from vitrina.results import DuplicatesResult, HealthResult
from vitrina.store.artifacts import Artifact
from vitrina.store.files import atomic_write

logger = logging.getLogger(__name__)

HEALTH, SAMPLES = "health.parquet", "samples.json"
CHUNK = 100_000  # findings written at a time


@dataclass(frozen=True)
class HealthRequest:
    """A processed table, its vectors in an NPZ, the products held out, and what is wanted.

    ``measured`` are images that an earlier run has measured; ``locate`` gives the place of an image
    for its path in the table, which may be an old one.
    """

    table: UPath
    npz: Path
    split: SplitConfig
    config: HealthConfig
    duplicates: DuplicatesResult | None = None
    measured: ImageMeasures = field(default_factory=empty)
    locate: Callable[[str], str] = str
    refresh: bool = False  # measure every image again


def write_health(
    request: HealthRequest, artifact: Artifact, progress: OnProgress = no_progress
) -> tuple[HealthResult, list[str]]:
    """Look at all listings and write the files; returns the result and the files' names.

    Raises UserError for a column that was set and is missing.
    """
    config = request.config
    with flat_memory():
        findings, names = find_problems(request, artifact.path, progress)
        ids = read_ids(request.table)
        write_findings(artifact.path / HEALTH, findings, ids)
        rows = shown_rows(findings, config.samples)
        listings = chosen_rows(request.table, rows, (NM, TITLE, IMAGE_PATH))
        samples = make_samples(findings, config.samples, listings, request.locate)
    write_samples(artifact.path / SAMPLES, samples)
    counts = {found.problem.value: len(found) for found in findings}
    flagged = np.unique(np.concatenate([found.row for found in findings]))
    result = HealthResult(
        health=str(artifact.path / HEALTH),
        samples=str(artifact.path / SAMPLES),
        counts=counts,
        listings=len(flagged),
        rows=len(ids),
    )
    logger.info("health: %d of %d listings have a problem: %s", len(flagged), len(ids), counts)
    return result, [HEALTH, SAMPLES, *names]


def find_problems(
    request: HealthRequest, folder: UPath, progress: OnProgress
) -> tuple[list[Findings], list[str]]:
    """The listings with each problem, and the names of the files with the images' measures."""
    table, config = request.table, request.config
    keys = read_row_keys(table)
    meter = ImageMeter(table, folder, request.measured, request.locate, request.refresh)
    measures, names = meter.measure(len(keys), progress)
    vectors = VectorFile.open(request.npz)
    held_out = (keys.parts(request.split) != "train").astype(np.int64)
    classifier = train_on_categories(table, request.npz, request.split, config)
    groups: tuple[Rows, ...] = (held_out, np.zeros_like(held_out))
    if classifier:
        codes = classifier.labels.codes.astype(np.int64)
        groups = (2 * codes + held_out, *groups)
    findings = [
        find_mismatches(vectors, keys, groups, config.mismatch_z),
        find_placeholders(vectors, keys, config.placeholder_titles),
    ]
    if classifier:
        findings.append(find_contradictions(classifier, config.category_probability))
    findings += [
        find_small_images(measures, config.min_side),
        find_blurred_images(measures, config.blur_z),
    ]
    if request.duplicates:
        findings.append(find_duplicates(request.duplicates))
    return findings, names


def write_findings(path: UPath, findings: Sequence[Findings], ids: pa.Array) -> None:
    """Write nm, problem, score, reason, other_nm: problem by problem, the worst first."""
    schema = pa.schema(
        [
            pa.field("nm", ids.type),
            pa.field("problem", pa.string()),
            pa.field("score", pa.float32()),
            pa.field("reason", pa.string()),
            pa.field("other_nm", ids.type),
        ]
    )
    with atomic_write(path) as temp_file, pq.ParquetWriter(temp_file, schema) as writer:
        for found in findings:
            for start in range(0, len(found), CHUNK):
                part = slice(start, start + CHUNK)
                other = found.other[part]
                columns = [
                    ids.take(pa.array(found.row[part])),
                    pa.array([found.problem.value] * len(other)),
                    pa.array(found.score[part].astype(np.float32)),
                    pa.array([reason.told() for reason in found.reason[part]], pa.string()),
                    ids.take(pa.array(other, mask=other < 0)),
                ]
                writer.write_batch(pa.record_batch(columns, schema=schema))
