"""TODO."""

from prefect.states import Completed  # noqa: TID251 - an outcome that stands ends as cached

from tasks.orchestration.stage import retried
from vitrina.config import EvaluateConfig, GateConfig, TrainConfig
from vitrina.evaluation.stored import measured, split_parameters
from vitrina.promotion.gate import Figures, compete, logger
from vitrina.promotion.history import Record, kept_model, read_history
from vitrina.results import ModelResult, PromoteResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.stage import Stage

STAGE = Stage("promote", PromoteResult, __name__)


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
