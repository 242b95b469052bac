"""TODO."""

import json
from pathlib import Path
from typing import Any

from tasks.orchestration.stage import retried
from vitrina.catalog.processed_table import read_table
from vitrina.config import EvaluateConfig, TrainConfig
from vitrina.evaluation.stored import CONTACT_SHEET, REPORT, measured, measuring_inputs
from vitrina.evaluation.summary import evaluation, warn_of_few
from vitrina.reporting.contact_sheet import draw_contact_sheet
from vitrina.results import EvaluateResult, ModelResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.cache import user_cache
from vitrina.store.files import write_bytes
from vitrina.store.paths import is_local, location
from vitrina.store.stage import Stage

STAGE = Stage("evaluate", EvaluateResult, __name__)


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


def log_to_wandb(project_name: str, artifact: Artifact, content: dict[str, Any]) -> None:
    """The figures as a run of their own, ``before/…`` and ``after/…``; offline without a key."""
    # torch costs seconds; help and wrong arguments answer without it
    from vitrina.training.tracking import Wandb

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
