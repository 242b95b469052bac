"""Stage "evaluate": metrics on held-out products before and after fine-tuning."""

from pathlib import Path
from typing import Any

from tasks.orchestration.stage import StageTask
from vitrina.config.evaluation import MeasureConfig
from vitrina.config.run_options import TrackedRunOptions
from vitrina.evaluation.figures_file import put_figures, read_figures
from vitrina.evaluation.intervals import metric_intervals
from vitrina.evaluation.stored import figures_file, find_or_measure, measuring_inputs
from vitrina.evaluation.summary import evaluation, side_by_side, warn_if_few
from vitrina.results import EvaluateResult, MetricIntervals, ModelResult, TableRef
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.cache import user_cache
from vitrina.store.files import write_json
from vitrina.store.paths import is_local, to_path
from vitrina.store.stage import Stage, StageOutcome

REPORT = "evaluation.json"
STAGE = Stage(
    "evaluate",
    EvaluateResult,
    "vitrina.evaluation.summary:evaluation",
    (
        "vitrina.evaluation.summary:side_by_side",
        "vitrina.evaluation.intervals:metric_intervals",
    ),
)


@StageTask
def evaluate(
    table: TableRef,
    before: ModelResult,
    after: ModelResult,
    store: Store,
    config: MeasureConfig,
    options: TrackedRunOptions,
) -> StageOutcome[EvaluateResult]:
    """Measure two models on held-out products, with intervals, and log both to wandb.

    Raises UserError if no product is held out.
    """

    def make(artifact: Artifact) -> tuple[EvaluateResult, tuple[str, ...]]:
        first, second = (
            find_or_measure(table, model, store, config, refresh=options.refresh)
            for model in (before, after)
        )
        warn_if_few(second.counts["ranked_products"])
        intervals: dict[str, MetricIntervals] = {}
        ranks = {}
        for name in [one for one in second.figures if one in first.figures]:
            figures = [read_figures(to_path(one.figures[name])) for one in (first, second)]
            intervals |= metric_intervals(*figures)
            ranks[name] = side_by_side(*figures)
        content = evaluation(first, second, intervals, config)
        write_json(artifact.path / REPORT, content)
        files = {name: artifact.path / figures_file(name) for name in ranks}
        for name, path in files.items():
            put_figures(ranks[name], path)
        log_to_wandb(options.project_name, artifact, content)
        result = EvaluateResult(
            report=str(artifact.path / REPORT),
            ranks={name: str(path) for name, path in files.items()},
            before=first.metrics,
            after=second.metrics,
            intervals=intervals,
            counts=second.counts,
        )
        return result, (REPORT, *(path.name for path in files.values()))

    inputs = measuring_inputs(table, after, config) | {"before": before.fingerprint}
    return STAGE.find_or_make(store, inputs, make, refresh=options.refresh)


def log_to_wandb(project_name: str, artifact: Artifact, content: dict[str, Any]) -> None:
    """Log the metrics to wandb as ``before/…`` and ``after/…``; offline without an API key."""
    from vitrina.training.tracking import WandbTracker  # torch takes seconds to import

    key = f"evaluate-{artifact.path.name}"
    folder = Path(artifact.path.path) if is_local(artifact.path) else user_cache() / "runs" / key
    metrics = {
        f"{side}/{name}": value
        for side in ("before", "after")
        for name, value in content[side].items()
    }
    tracker = WandbTracker(project_name, key, content["parameters"], folder)
    tracker.log({"step": 0, **metrics})
    tracker.finish()
