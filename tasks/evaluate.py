"""Measure a model on held-out products, before and after fine-tuning."""

import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tasks.code_version import code_version
from tasks.config import EvaluateConfig, TrainConfig
from tasks.errors import UserError
from tasks.model import local_model
from tasks.results import EvaluateResult, ModelResult
from tasks.stage import Stage, retried
from tasks.storage import Artifact, Store, fingerprint, is_local, location, user_cache, write_bytes
from tasks.table import read_table

if TYPE_CHECKING:
    from tasks.learning.measure import Measurement

logger = logging.getLogger(__name__)

STAGE = Stage("evaluate", EvaluateResult, __name__)
REPORT, CONTACT_SHEET, MEASUREMENT = "evaluation.json", "contact_sheet.png", "measurement.json"
FEW_PRODUCTS = 30  # of fewer, a recall of one half is known to no better than 0.18


@retried
def evaluate(
    table: str,
    table_fingerprint: str,
    before: ModelResult,
    after: ModelResult,
    store: Store,
    config: EvaluateConfig,
    split: TrainConfig,
    refresh: bool = False,
    project_name: str = "",
) -> EvaluateResult:
    """Figures of two models on the products that ``split`` holds out, and a contact sheet.

    Writes ``evaluation.json`` and ``contact_sheet.png``, and with a ``project_name`` logs the
    figures to wandb. Raises UserError if nothing is held out.
    """

    def make(artifact: Artifact) -> tuple[EvaluateResult, tuple[str, ...]]:
        first, second = (
            measured(table, table_fingerprint, model, store, config, split, refresh=refresh)
            for model in (before, after)
        )
        warn_of_few(second.counts["ranked_products"])
        found = evaluation(first, second, config, split)
        _write_json(artifact, REPORT, found)
        sheet = draw_contact_sheet(read_table(location(table)), second)
        write_bytes(artifact.path / CONTACT_SHEET, sheet)
        result = EvaluateResult(
            report=str(artifact.path / REPORT),
            before=first.metrics,
            after=second.metrics,
            counts=second.counts,
        )
        if project_name:
            log_to_wandb(project_name, artifact, found)
        return result, (REPORT, CONTACT_SHEET)

    inputs = {
        **measuring_inputs(table_fingerprint, after, config, split),
        "before": before.fingerprint,
    }
    return STAGE.run(store, inputs, make, refresh=refresh)


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
    from tasks.learning.measure import Measurement, measure
    from tasks.learning.model import load_folder

    inputs = measuring_inputs(table_fingerprint, model, config, split)
    key = fingerprint("measure", code_version("tasks.learning.measure"), inputs)
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


def uncertainty(products: int) -> float:
    """Half the width of a recall's 95% interval, where it is widest: at a recall of one half.

    The normal approximation, 1.96 sqrt(p (1 - p) / n), over products, since listings of one product
    are right or wrong together.
    """
    return 1.96 * math.sqrt(0.25 / products)


def warn_of_few(products: int) -> None:
    """Say so where the figures, and with them the gate, rest on too little."""
    if products < FEW_PRODUCTS:
        logger.warning(
            "evaluate: %d products are held out, so a recall of theirs is known to within %.2f "
            "only. Raise train.test_fraction, or take a larger catalogue.",
            products,
            uncertainty(products),
        )


def check_labels(columns: Sequence[str], config: EvaluateConfig) -> None:
    """Refuse a label column that was named and is not there; the default one may be missing."""
    default = EvaluateConfig.model_fields["label_column"].default
    if config.label_column not in (default, *columns):
        raise UserError(
            f"The catalogue has no column {config.label_column!r} for the probe's classes; it has: "
            f"{', '.join(columns)}. Set evaluate.label_column."
        )


def evaluation(
    before: "Measurement", after: "Measurement", config: EvaluateConfig, split: TrainConfig
) -> dict[str, Any]:
    """The content of evaluation.json: both models' figures, the counts of rows, the parameters."""
    return {
        "before": before.metrics,
        "after": after.metrics,
        "counts": after.counts,
        "parameters": config.content(),
        "split": split_parameters(split),
    }


def draw_contact_sheet(table: pd.DataFrame, measurement: "Measurement") -> bytes:
    """PNG: for each example its title, its own picture and the nearest ones, right ones framed."""
    # torch and matplotlib cost seconds; help and wrong arguments answer without them
    from tasks.learning.images import read_picture
    from tasks.plots import Found, SheetRow, contact_sheet

    paths, titles = table["image_path"], table["title"]
    rows = [
        SheetRow(
            title=str(titles.iloc[example.row]),
            picture=read_picture(paths.iloc[example.row]),
            rank=example.rank,
            found=[
                Found(read_picture(paths.iloc[row]), right, cosine)
                for row, right, cosine in zip(
                    example.found, example.right, example.cosine, strict=True
                )
            ],
        )
        for example in measurement.examples
    ]
    return contact_sheet(rows)


def log_to_wandb(project_name: str, artifact: Artifact, content: dict[str, Any]) -> None:
    """The figures as a run of their own, ``before/…`` and ``after/…``; offline without a key."""
    # torch costs seconds; help and wrong arguments answer without it
    from tasks.learning.tracking import Wandb

    key = f"evaluate-{artifact.path.name}"
    folder = Path(artifact.path.path) if is_local(artifact.path) else user_cache() / "runs" / key
    figures = {
        f"{side}/{name}": value
        for side in ("before", "after")
        for name, value in content[side].items()
    }
    tracker = Wandb(project_name, key, content["parameters"], folder)
    tracker.log({"step": 0, **figures})
    tracker.finish()


def _write_json(artifact: Artifact, name: str, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_bytes(artifact.path / name, text.encode())
