"""The gate: a fine-tuned model takes the place of the present one only if it is better."""

import logging
from collections.abc import Callable
from typing import Any

from prefect.states import Completed  # noqa: TID251 - an outcome that stands ends as cached

from tasks.config import EvaluateConfig, GateConfig, TrainConfig
from tasks.evaluate import measured, split_parameters
from tasks.promotions import Record, append, keep, kept_model, read_history
from tasks.results import ModelResult, PromoteResult
from tasks.stage import Stage, retried
from tasks.storage import Artifact, Store

logger = logging.getLogger(__name__)

Figures = dict[str, float]


ROLLED_BACK = (
    "the new model was rolled back and is not taken again by itself; "
    "flows/roll_back.py --to puts it back"
)
STAGE = Stage("promote", PromoteResult, __name__)


def decide(candidate: Figures, present: Figures, gate: GateConfig) -> tuple[bool, str]:
    """Whether the candidate beats the present model by more than the margin, and the reason."""
    new, old = candidate[gate.metric], present[gate.metric]
    better = new - old > gate.margin
    verb = "beats" if better else "does not beat"
    margin = f" by more than {gate.margin:g}" if gate.margin else ""
    return better, f"{gate.metric} {new:.4f} {verb} the present model's {old:.4f}{margin}"


def compete(
    base: ModelResult,
    candidate: ModelResult,
    store: Store,
    gate: GateConfig,
    figures: Callable[[ModelResult], Figures],
    details: dict[str, Any],
) -> PromoteResult:
    """Promote the candidate if it beats the present model, whichever that is by then.

    ``figures`` measures a model; ``details`` go into the history.
    """
    while True:
        history = read_history(store)
        if history.present and history.present.details.get("split") != details.get("split"):
            logger.warning(
                "promote: the present model was trained with another split and may know "
                "the held-out rows, which favours it"
            )
        present = kept_model(store, history.present.fingerprint) if history.present else base
        new, old = figures(candidate), figures(present)
        better, reason = decide(new, old, gate)
        if history.was_rolled_back(candidate.fingerprint):
            better, reason = False, ROLLED_BACK
        metric = gate.metric
        result = PromoteResult(
            model=present,
            promoted=False,
            reason=reason,
            metric=metric,
            candidate=new[metric],
            present=old[metric],
        )
        if not better:
            logger.info("promote: the present model stays: %s", reason)
            return result
        result = result.model_copy(update={"model": keep(store, candidate), "promoted": True})
        shown = details | result.model_dump(include={"metric", "candidate", "present"})
        if append(store, history, "promotion", candidate.fingerprint, reason, shown):
            logger.info("promote: the new model is the present one: %s", reason)
            return result
        # Another run was faster: compare with the model that it promoted.


def present_model(promoted: PromoteResult, base: ModelResult) -> ModelResult:
    """The model that embeds; the base where it lies now, which a stored result may not know."""
    return base if promoted.model.fingerprint == base.fingerprint else promoted.model


@retried
def promote(
    table: str,
    table_fingerprint: str,
    base: ModelResult,
    candidate: ModelResult,
    store: Store,
    config: EvaluateConfig,
    split: TrainConfig,
    gate: GateConfig,
) -> PromoteResult:
    """Compare the candidate with the present model on the same held-out products; promote or not.

    The base model is the present one until another is promoted. The result names the model that
    embeds from now on.
    """

    def figures(model: ModelResult) -> Figures:
        return measured(table, table_fingerprint, model, store, config, split).metrics

    def make(_artifact: Artifact) -> tuple[PromoteResult, tuple[str, ...]]:
        return compete(base, candidate, store, gate, figures, details), ()

    details = {"table": table_fingerprint, "split": split_parameters(split)}
    history = read_history(store)
    if history.present and history.present.fingerprint == candidate.fingerprint:
        record = history.present
        logger.info("promote: promoted on %s already", f"{record.time:%Y-%m-%d %H:%M} UTC")
        found = _standing(store, record)
        # A task that returns a state ends in it; Prefect hands the data on.
        return Completed(name="Cached", message=found.reason, data=found)  # type: ignore[return-value]
    inputs = {
        **details,
        "base": base.fingerprint,
        "candidate": candidate.fingerprint,
        "history": len(history.records),
        "parameters": config.content(),
        "gate": gate,
    }
    return STAGE.run(store, inputs, make)


def _standing(store: Store, record: Record) -> PromoteResult:
    """The result of a promotion that still holds."""
    return PromoteResult(
        model=kept_model(store, record.fingerprint),
        promoted=True,
        reason=record.reason,
        metric=record.details["metric"],
        candidate=record.details["candidate"],
        present=record.details["present"],
    )
