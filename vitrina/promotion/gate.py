"""The gate: a fine-tuned model replaces the current one only if it is better."""

import logging
from collections.abc import Callable
from typing import Any

from vitrina.config import GateConfig
from vitrina.promotion.history import Record, append, keep, kept_model, read_history
from vitrina.results import ModelResult, PromoteResult
from vitrina.store.artifacts import Store

logger = logging.getLogger(__name__)

Metrics = dict[str, float]

ROLLED_BACK = (
    "the new model was rolled back before, so it is not promoted automatically; "
    "flows/roll_back.py --to makes it the current one"
)


def decide(candidate: Metrics, current: Metrics, gate: GateConfig) -> tuple[bool, str]:
    """Whether the candidate beats the current model by more than the margin, and the reason."""
    new, old = candidate[gate.metric], current[gate.metric]
    is_better = new - old > gate.margin
    verb = "beats" if is_better else "does not beat"
    margin = f" by more than {gate.margin:g}" if gate.margin else ""
    return is_better, f"{gate.metric} {new:.4f} {verb} the current model's {old:.4f}{margin}"


def promote_if_better(
    base: ModelResult,
    candidate: ModelResult,
    store: Store,
    gate: GateConfig,
    measure: Callable[[ModelResult], Metrics],
    details: dict[str, Any],
) -> PromoteResult:
    """Promote the candidate if it beats the model that is current at that moment.

    ``measure`` gives the metrics of a model; ``details`` go into the history.
    """
    while True:
        history = read_history(store)
        if history.current and history.current.details.get("split") != details.get("split"):
            logger.warning(
                "promote: the current model was trained with another split and may have seen "
                "held-out rows, which favours it"
            )
        current = kept_model(store, history.current.fingerprint) if history.current else base
        new, old = measure(candidate), measure(current)
        is_better, reason = decide(new, old, gate)
        if history.was_rolled_back(candidate.fingerprint):
            is_better, reason = False, ROLLED_BACK
        result = PromoteResult(
            model=current,
            promoted=False,
            reason=reason,
            metric=gate.metric,
            candidate=new[gate.metric],
            current=old[gate.metric],
        )
        if not is_better:
            logger.info("promote: the current model stays: %s", reason)
            return result
        result = result.model_copy(update={"model": keep(store, candidate), "promoted": True})
        recorded = details | result.model_dump(include={"metric", "candidate", "current"})
        if append(store, history, "promotion", candidate.fingerprint, reason, recorded):
            logger.info("promote: the new model is the current one: %s", reason)
            return result
        # Another run has promoted a model meanwhile: compare with that one.


def active_result(store: Store, record: Record) -> PromoteResult:
    """The result of a promotion that was not rolled back."""
    return PromoteResult(
        model=kept_model(store, record.fingerprint),
        promoted=True,
        reason=record.reason,
        metric=record.details["metric"],
        candidate=record.details["candidate"],
        current=record.details["current"],
    )


def embedding_model(promoted: PromoteResult, base: ModelResult) -> ModelResult:
    """The model that embeds; for the base its folder of today, as a stored result may be older."""
    return base if promoted.model.fingerprint == base.fingerprint else promoted.model
