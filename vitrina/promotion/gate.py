"""The gate: a fine-tuned model replaces the current one only if it is better."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from vitrina.config.evaluation import GateConfig
from vitrina.promotion.history import Change, History, append, keep, kept_model, read_history
from vitrina.results import ModelResult, PromoteResult
from vitrina.store.artifacts import Store

logger = logging.getLogger(__name__)

COMPARED = ("metric", "candidate_metric", "current_metric")  # fields of a result
ROLLED_BACK = (
    "the new model was rolled back before, so it is not promoted automatically; "
    "flows/roll_back.py --to makes it the current one"
)


def decide(
    candidate: Mapping[str, float], current: Mapping[str, float], gate: GateConfig
) -> tuple[bool, str]:
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
    measure: Callable[[ModelResult], Mapping[str, float]],
    details: dict[str, Any],
) -> PromoteResult:
    """Promote the candidate if it beats the model that is current at that moment.

    ``base`` is the current model if none was promoted. ``measure`` returns the metrics of a model.
    ``details`` are stored in the history with the metrics compared. A candidate that was rolled
    back before is not promoted.
    """
    while True:
        history = read_history(store)
        _warn_of_other_split(history, details)
        current = kept_model(store, history.current.fingerprint) if history.current else base
        result = _compare(candidate, current, gate, measure)
        if history.was_rolled_back(candidate.fingerprint):
            result = result.model_copy(update={"promoted": False, "reason": ROLLED_BACK})
        if not result.promoted:
            logger.info("promote: the current model stays: %s", result.reason)
            return result
        result = result.model_copy(update={"model": keep(store, candidate)})
        change = Change(
            action="promotion",
            fingerprint=candidate.fingerprint,
            reason=result.reason,
            details=details | result.model_dump(include=set(COMPARED)),
        )
        if append(store, history, change):
            logger.info("promote: the new model is the current one: %s", result.reason)
            return result
        # Another run has changed the current model meanwhile: compare with the new one.


def _warn_of_other_split(history: History, details: dict[str, Any]) -> None:
    if history.current and history.current.details.get("split") != details.get("split"):
        logger.warning(
            "promote: the current model was trained with another split and may have been trained "
            "on held-out rows, which favours it"
        )


def _compare(
    candidate: ModelResult,
    current: ModelResult,
    gate: GateConfig,
    measure: Callable[[ModelResult], Mapping[str, float]],
) -> PromoteResult:
    """The decision by metrics alone, with the current model as the one that embeds."""
    new, old = measure(candidate), measure(current)
    is_better, reason = decide(new, old, gate)
    return PromoteResult(
        model=current,
        promoted=is_better,
        reason=reason,
        metric=gate.metric,
        candidate_metric=new[gate.metric],
        current_metric=old[gate.metric],
    )


def active_result(store: Store, history: History, candidate: ModelResult) -> PromoteResult | None:
    """The result of the promotion that made the candidate the current model.

    None if the candidate is not the current model, or its record lacks the metrics compared.
    """
    record = history.current
    if record is None or record.fingerprint != candidate.fingerprint:
        return None
    if not record.details.keys() >= set(COMPARED):
        return None
    return PromoteResult(
        model=kept_model(store, record.fingerprint),
        promoted=True,
        reason=record.reason,
        **{name: record.details[name] for name in COMPARED},
    )


def embedding_model(result: PromoteResult, base: ModelResult) -> ModelResult:
    """The model that embeds; the base at its present path, as a stored one may be old."""
    return base if result.model.fingerprint == base.fingerprint else result.model
