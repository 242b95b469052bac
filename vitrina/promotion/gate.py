"""The gate: a fine-tuned model takes the place of the present one only if it is better."""

import logging
from collections.abc import Callable
from typing import Any

from vitrina.config import GateConfig
from vitrina.promotion.history import append, keep, kept_model, read_history
from vitrina.results import ModelResult, PromoteResult
from vitrina.store.artifacts import Store

logger = logging.getLogger(__name__)

Figures = dict[str, float]


ROLLED_BACK = (
    "the new model was rolled back and is not taken again by itself; "
    "flows/roll_back.py --to puts it back"
)


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
