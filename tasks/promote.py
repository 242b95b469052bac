"""Stage "promote": the fine-tuned model becomes the current one if it is surely better."""

import logging

from tasks.orchestration.stage import StageTask
from vitrina.config.evaluation import GateConfig, MeasureConfig
from vitrina.evaluation.comparison import compare, path_of
from vitrina.evaluation.figures_file import read_figures
from vitrina.evaluation.stored import find_or_measure, measuring_inputs
from vitrina.promotion.gate import active_result, at_present_path, promote_if_better
from vitrina.promotion.history import read_history
from vitrina.results import Comparison, ModelResult, PromoteResult, TableRef
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.stage import Stage, StageOutcome

logger = logging.getLogger(__name__)

STAGE = Stage(
    "promote",
    PromoteResult,
    "vitrina.promotion.gate:promote_if_better",
    ("vitrina.evaluation.comparison:compare",),
)


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

    def compared(new: ModelResult, current: ModelResult) -> Comparison:
        first, second = (
            read_figures(path_of(find_or_measure(table, model, store, config), gate.metric))
            for model in (new, current)
        )
        return compare(first, second, gate)

    def make(_artifact: Artifact) -> tuple[PromoteResult, tuple[str, ...]]:
        return promote_if_better(base, candidate, store, gate, compared, details), ()

    details = {"table": table.fingerprint, "split": config.split.model_dump()}
    history = read_history(store)
    active = active_result(store, history, candidate, base)
    if history.current and active:
        since = f"{history.current.time:%Y-%m-%d %H:%M} UTC"
        logger.info("promote: already promoted on %s", since)
        outcome = StageOutcome(active, f"promoted on {since}")
    else:
        inputs = measuring_inputs(table, candidate, config) | {
            "base": base.fingerprint,
            "current": history.current.fingerprint if history.current else "",
            "rolled_back": history.was_rolled_back(candidate.fingerprint),
            "gate": gate,
        }
        outcome = STAGE.find_or_make(store, inputs, make)
        if outcome.found_in and outcome.result.promoted:
            # The candidate is not the current model, so the record of that promotion is lost.
            outcome = STAGE.find_or_make(store, inputs, make, refresh=True)
    return StageOutcome(at_present_path(outcome.result, base), outcome.found_in)
