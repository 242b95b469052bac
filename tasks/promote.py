"""Stage "promote": the fine-tuned model becomes the current one if it is better."""

import logging

from tasks.orchestration.stage import StageTask
from vitrina.config import GateConfig, MeasureConfig
from vitrina.evaluation.stored import measured, measuring_inputs
from vitrina.promotion.gate import Metrics, active_result, embedding_model, promote_if_better
from vitrina.promotion.history import read_history
from vitrina.results import ModelResult, PromoteResult, TableRef
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.stage import Stage, StageOutcome

logger = logging.getLogger(__name__)

STAGE = Stage("promote", PromoteResult, "vitrina.promotion.gate:promote_if_better")


@StageTask
def promote(
    table: TableRef,
    base: ModelResult,
    candidate: ModelResult,
    store: Store,
    config: MeasureConfig,
    gate: GateConfig,
) -> StageOutcome[PromoteResult]:
    """Compare the candidate with the current model on the same held-out products.

    The base model is the current one until another is promoted. The result names the model that
    embeds from now on.
    """

    def measure(model: ModelResult) -> Metrics:
        return measured(table, model, store, config).metrics

    def make(_artifact: Artifact) -> tuple[PromoteResult, tuple[str, ...]]:
        return promote_if_better(base, candidate, store, gate, measure, details), ()

    details = {"table": table.fingerprint, "split": config.split.model_dump()}
    history = read_history(store)
    if history.current and history.current.fingerprint == candidate.fingerprint:
        since = f"{history.current.time:%Y-%m-%d %H:%M} UTC"
        logger.info("promote: already promoted on %s", since)
        outcome = StageOutcome(active_result(store, history.current), f"promoted on {since}")
    else:
        inputs = measuring_inputs(table, candidate, config) | {
            "base": base.fingerprint,
            "history": len(history.records),
            "gate": gate,
        }
        outcome = STAGE.find_or_make(store, inputs, make)
    model = embedding_model(outcome.result, base)
    return StageOutcome(outcome.result.model_copy(update={"model": model}), outcome.found_in)
