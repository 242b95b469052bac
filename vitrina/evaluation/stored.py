"""Measure a model on held-out products, before and after fine-tuning."""

import logging
from typing import TYPE_CHECKING, Any

from tasks.evaluate import _write_json
from vitrina.catalog.processed_table import read_table
from vitrina.config import EvaluateConfig, TrainConfig
from vitrina.model.source import local_model
from vitrina.results import ModelResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.code_version import code_version
from vitrina.store.fingerprint import fingerprint
from vitrina.store.paths import location

if TYPE_CHECKING:
    from vitrina.evaluation.measure import Measurement


logger = logging.getLogger(__name__)
REPORT, CONTACT_SHEET, MEASUREMENT = "evaluation.json", "contact_sheet.png", "measurement.json"


def measured(
    table: str,
    table_fingerprint: str,
    model: ModelResult,
    store: Store,
    config: EvaluateConfig,
    split: TrainConfig,
    *,
    refresh: bool = False,
) -> "Measurement":
    """One model's figures: stored ones for the same rows, weights and code, or else new ones.

    A base model is measured once, however often it is fine-tuned.
    """
    # torch costs seconds; help and wrong arguments answer without it
    from vitrina.evaluation.measure import Measurement, measure
    from vitrina.model.model import load_folder

    inputs = measuring_inputs(table_fingerprint, model, config, split)
    key = fingerprint("measure", code_version("vitrina.evaluation.measure"), inputs)
    artifact = Artifact(store.path / "measure" / key)
    manifest = None if refresh else artifact.manifest()
    if manifest is not None and manifest.key == key:
        return Measurement.model_validate(manifest.result)
    logger.info("evaluate: measuring %s", model.folder)
    loaded = load_folder(local_model(model.folder))
    found = measure(read_table(location(table)), loaded, config, split)
    content = found.model_dump(mode="json")
    _write_json(artifact, MEASUREMENT, content)
    artifact.publish("measure", key, [MEASUREMENT], parameters=inputs, result=content)
    return found


def measuring_inputs(
    table_fingerprint: str, model: ModelResult, config: EvaluateConfig, split: TrainConfig
) -> dict[str, Any]:
    """All that decides the figures, as plain values."""
    return {
        "table": table_fingerprint,
        "model": model.fingerprint,
        "parameters": config.content(),
        "split": split_parameters(split),
    }


def split_parameters(split: TrainConfig) -> dict[str, Any]:
    """What decides which products are held out."""
    return split.model_dump(include={"validation_fraction", "test_fraction", "seed"})
