"""The predictions of a classifier as files: Parquet, CSV and a report in JSON."""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.catalog.ids import read_ids
from vitrina.catalog.processed_table import NM
from vitrina.catalog.processed_writer import FORMULA_START, CsvFormulas
from vitrina.classification.labels import Labels
from vitrina.classification.predict import Classifier, Predictions, train_classifier
from vitrina.config.classification import ClassifierConfig
from vitrina.config.training import SplitConfig
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.results import ClassifyResult
from vitrina.store.artifacts import Artifact
from vitrina.store.files import atomic_write, write_json

logger = logging.getLogger(__name__)

PREDICTIONS, CSV, REPORT = "predictions.parquet", "predictions.csv", "classification.json"
TEXTS = (NM, "known", "predicted", "second")  # columns that a spreadsheet may take for formulas


@dataclass(frozen=True)
class ClassifyRequest:
    """A processed table, its vectors in an NPZ, the products held out, and what is wanted."""

    table: UPath
    npz: Path
    split: SplitConfig
    config: ClassifierConfig
    csv_formulas: CsvFormulas = "keep"


def write_predictions(
    request: ClassifyRequest, artifact: Artifact, progress: OnProgress = no_progress
) -> tuple[ClassifyResult, list[str]]:
    """Train, predict and write the files; returns the result and the files' names.

    Raises UserError if the table has no such column, or too few classes.
    """
    with flat_memory():
        classifier = train_classifier(
            request.table, request.npz, request.split, request.config, progress
        )
        labels = classifier.labels
        rows = np.arange(len(labels.codes)) if request.config.labelled else labels.without
        final = classifier.final() if (labels.codes[rows] < 0).any() else None
        ids = read_ids(request.table)
        frames = (
            frame(predictions, labels, ids) for predictions in classifier.predict(final, rows)
        )
        write_tables(artifact.path, frames, ids.type, request.csv_formulas)
    result = _result(classifier, request.config, artifact.path, len(rows))
    write_json(artifact.path / REPORT, result.model_dump(mode="json"))
    logger.info(
        "classify: %d rows predicted, accuracy %.3f on %d %s products",
        *(len(rows), result.metrics["accuracy"], result.judged_products, result.basis),
    )
    return result, [PREDICTIONS, CSV, REPORT]


def frame(predictions: Predictions, labels: Labels, ids: pa.Array) -> pa.RecordBatch:
    """The predictions with ids and names of classes."""
    names = pa.array(labels.names, pa.string())
    codes = labels.codes[predictions.rows]
    return pa.record_batch(
        {
            NM: ids.take(pa.array(predictions.rows)),
            "known": names.take(pa.array(codes, mask=codes < 0)),
            "predicted": names.take(pa.array(predictions.first)),
            "probability": pa.array(predictions.probability),
            "second": names.take(pa.array(predictions.second)),
            "second_probability": pa.array(predictions.second_probability),
        }
    )


def write_tables(
    folder: UPath, frames: Iterable[pa.RecordBatch], nm_type: pa.DataType, formulas: CsvFormulas
) -> None:
    """Write the predictions as Parquet and as CSV, part by part."""
    text, number = pa.string(), pa.float32()
    columns = [(NM, nm_type), ("known", text), ("predicted", text), ("probability", number)]
    schema = pa.schema([*columns, ("second", text), ("second_probability", number)])
    with (
        atomic_write(folder / PREDICTIONS) as parquet_path,
        atomic_write(folder / CSV) as csv_path,
        pq.ParquetWriter(parquet_path, schema) as parquet,
        csv_path.open("w", encoding="utf-8", newline="") as csv,
    ):
        csv.write(",".join(schema.names) + "\n")
        for batch in frames:
            parquet.write_batch(batch.cast(schema))
            _csv_frame(batch, formulas).to_csv(
                csv, header=False, index=False, lineterminator="\n", float_format="%.4f"
            )


def _csv_frame(batch: pa.RecordBatch, formulas: CsvFormulas) -> pd.DataFrame:
    table: pd.DataFrame = batch.to_pandas()
    if formulas == "escape":
        for name in TEXTS:
            texts = table[name]
            if not pd.api.types.is_numeric_dtype(texts):
                table[name] = [_escaped(text) for text in texts]
    return table


def _escaped(text: str | None) -> str | None:
    return text if text is None or pd.isna(text) else re.sub(FORMULA_START, r"'\1", text)


def _result(
    classifier: Classifier, config: ClassifierConfig, folder: UPath, predicted: int
) -> ClassifyResult:
    labels, judged = classifier.labels, classifier.judged
    return ClassifyResult(
        column=config.column,
        predictions=str(folder / PREDICTIONS),
        csv=str(folder / CSV),
        report=str(folder / REPORT),
        classes=len(labels.names),
        rare=dict(labels.rare),
        labelled_rows=len(labels.labelled),
        predicted_rows=predicted,
        judged_rows=judged.rows,
        judged_products=judged.products,
        basis=judged.basis,
        temperature=judged.temperature,
        metrics=judged.metrics,
    )
