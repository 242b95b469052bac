"""The measurement of one model on one table, from the store or made now."""

import logging
from typing import Any

from vitrina.catalog.processed_table import read_table
from vitrina.catalog.text_template import check_text
from vitrina.config.evaluation import MeasureConfig
from vitrina.config.training import SplitConfig, TrainConfig
from vitrina.evaluation.figures_file import put_figures
from vitrina.evaluation.measurement import Measurement
from vitrina.model.hardware import embedding_arithmetic
from vitrina.model.source import local_model
from vitrina.results import ModelResult, TableRef
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.files import write_json
from vitrina.store.paths import to_path
from vitrina.store.stage import Stage

logger = logging.getLogger(__name__)

MEASURE = Stage("measure", Measurement, "vitrina.evaluation.measure:measure")
MEASUREMENT = "measurement.json"


def find_or_measure(
    table: TableRef,
    model: ModelResult,
    store: Store,
    config: MeasureConfig,
    *,
    refresh: bool = False,
) -> Measurement:
    """The stored measurement of the same rows, weights, parameters and code, or else a new one.

    So a base model is measured once, however often it is fine-tuned. ``refresh`` measures again.
    """

    def make(artifact: Artifact) -> tuple[Measurement, list[str]]:
        # torch takes seconds to import
        from vitrina.evaluation.measure import columns_read, measure
        from vitrina.model.model import load_folder

        logger.info("evaluate: measuring %s", model.folder)
        loaded = load_folder(local_model(model.folder))
        path, listing = to_path(table.path), config.listing
        check_text(listing.text, path)
        rows = read_table(path, columns_read(config.evaluate, listing))
        measured = measure(rows, loaded, config.evaluate, config.split, listing, config.queries)
        paths = {name: artifact.path / figures_file(name) for name in measured.figures}
        for name, path in paths.items():
            put_figures(measured.figures[name], path)
        measurement = Measurement(
            metrics=measured.metrics,
            counts=measured.counts,
            examples=measured.examples,
            figures={name: str(path) for name, path in paths.items()},
        )
        write_json(artifact.path / MEASUREMENT, measurement.model_dump(mode="json"))
        return measurement, [MEASUREMENT, *(path.name for path in paths.values())]

    inputs = measuring_inputs(table, model, config)
    return MEASURE.find_or_make(store, inputs, make, refresh=refresh).result


def figures_file(name: str) -> str:
    """The file of a table of figures."""
    return f"{name}.parquet"


def latest_split(store: Store) -> SplitConfig:
    """Which products the store's latest evaluation held out; by default those of a training."""
    latest = store.latest("evaluate")
    manifest = latest.manifest() if latest else None
    if manifest is None:
        return TrainConfig().split()
    return SplitConfig.model_validate(manifest.parameters["split"])


def measuring_inputs(table: TableRef, model: ModelResult, config: MeasureConfig) -> dict[str, Any]:
    """Everything that decides the metrics, as plain values."""
    return {
        "table": table.fingerprint,
        "model": model.fingerprint,
        "parameters": config.evaluate.content(),
        "split": config.split.model_dump(),
        "listing": config.listing.content(),
        "queries": config.queries.measuring_inputs() if config.queries else None,
        "arithmetic": embedding_arithmetic(config.evaluate),
        "code": MEASURE.code_version,
    }
