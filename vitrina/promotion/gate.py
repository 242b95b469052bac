"""The gate: a fine-tuned model replaces the current one only if it is surely better."""

import logging
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from vitrina.config.evaluation import GateConfig
from vitrina.promotion.history import (
    Change,
    History,
    append,
    is_kept,
    keep,
    kept_model,
    read_history,
)
from vitrina.promotion.verdict import decide
from vitrina.results import Comparison, ModelResult, PromoteResult
from vitrina.store.artifacts import Store

logger = logging.getLogger(__name__)

Compare = Callable[[ModelResult, ModelResult], Comparison]  # of the candidate and the current model
ROLLED_BACK = (
    "the new model was rolled back before, so it is not promoted automatically; "
    "flows/roll_back.py --to makes it the current one"
)


def promote_if_better(
    base: ModelResult,
    candidate: ModelResult,
    store: Store,
    gate: GateConfig,
    compare: Compare,
    details: dict[str, Any],
) -> PromoteResult:
    """Promote the candidate if it beats the model that is current at that moment.

    ``base`` is the current model if none was promoted. ``details`` are stored in the history with
    the comparison. A candidate that was rolled back before is not promoted.
    """
    while True:
        history = read_history(store)
        _warn_of_other_split(history, details)
        current = kept_model(store, history.current.fingerprint) if history.current else base
        comparison = compare(candidate, current)
        verdict, reason = decide(comparison, gate)
        if history.was_rolled_back(candidate.fingerprint):
            verdict, reason = "declined", ROLLED_BACK
        result = PromoteResult(
            model=current, other=candidate, verdict=verdict, reason=reason, comparison=comparison
        )
        if not result.promoted:
            logger.info("promote: %s, the current model stays: %s", verdict, reason)
            return result
        result = result.model_copy(update={"model": keep(store, candidate), "other": current})
        change = Change(
            action="promotion",
            fingerprint=candidate.fingerprint,
            reason=reason,
            details={
                **details,
                "replaced": current.fingerprint,
                "comparison": comparison.model_dump(mode="json"),
            },
        )
        if append(store, history, change):
            logger.info("promote: the new model is the current one: %s", reason)
            return result
        # Another run has changed the current model meanwhile: compare with the new one.


def _warn_of_other_split(history: History, details: dict[str, Any]) -> None:
    if history.current and history.current.details.get("split") != details.get("split"):
        logger.warning(
            "promote: the current model was trained with another split and may have been trained "
            "on held-out rows, which favours it"
        )


def active_result(
    store: Store, history: History, candidate: ModelResult, base: ModelResult
) -> PromoteResult | None:
    """The result of the promotion that made the candidate the current model.

    None if the candidate is not the current model, or its record lacks the comparison.
    """
    record = history.current
    if record is None or record.fingerprint != candidate.fingerprint:
        return None
    try:
        comparison = Comparison.model_validate(record.details.get("comparison"))
    except ValidationError:  # a record of an older version, or one that was edited by hand
        return None
    replaced = kept_model(store, str(record.details.get("replaced")))
    return PromoteResult(
        model=kept_model(store, record.fingerprint),
        other=replaced if is_kept(replaced) else base,
        verdict="promoted",
        reason=record.reason,
        comparison=comparison,
    )


def at_present_path(result: PromoteResult, base: ModelResult) -> PromoteResult:
    """The result with the base model where it is now: a stored result may name an old folder."""
    models = {
        name: base
        for name in ("model", "other")
        if getattr(result, name).fingerprint == base.fingerprint
    }
    return result.model_copy(update=models)
