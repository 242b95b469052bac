"""Stage "report": the HTML page of a run, and its artifacts in the Prefect UI."""

from collections.abc import Mapping

from tasks.evaluate import CONTACT_SHEET
from tasks.orchestration.prefect_ui import show_image, show_markdown, show_table
from tasks.orchestration.stage import StageTask
from vitrina.config.run_options import RefreshOption
from vitrina.reporting.render import markdown
from vitrina.reporting.sections import (
    metrics_section,
    model_section,
    page,
    rows_section,
    times_section,
)
from vitrina.results import PipelineResult, StageResults
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.files import read_bytes, write_bytes
from vitrina.store.paths import to_path
from vitrina.store.stage import Stage, StageOutcome

STAGE = Stage(
    "report",
    PipelineResult,
    "vitrina.reporting.sections:page",
    ("vitrina.reporting.training_curve:draw_training",),
)
PAGE, CURVE = "report.html", "training.png"


@StageTask
def report(
    results: StageResults, seconds: dict[str, float], store: Store, options: RefreshOption
) -> StageOutcome[PipelineResult]:
    """Write ``report.html`` and show its contents in the Prefect UI."""
    sheet = read_bytes(to_path(results.evaluated.report).parent / CONTACT_SHEET)

    def make(artifact: Artifact) -> tuple[PipelineResult, tuple[str, ...]]:
        from vitrina.reporting.training_curve import draw_training  # torch takes seconds to import

        result = PipelineResult(**dict(results), report=str(artifact.path / PAGE))
        curve = draw_training(results.trained)
        write_bytes(artifact.path / CURVE, curve)
        write_bytes(artifact.path / PAGE, page(result, seconds, curve, sheet).encode())
        return result, (PAGE, CURVE)

    outcome = STAGE.find_or_make(store, dict(results), make, refresh=options.refresh)
    show(outcome.result, seconds, sheet)
    return outcome


def show(result: PipelineResult, seconds: Mapping[str, float], sheet: bytes) -> None:
    """Create the run's artifacts in the Prefect UI."""
    rows = rows_section(result.resized).rows
    show_table(
        "rows", [{"rows": name, "count": count} for name, count in rows], "Rows kept and rejected"
    )
    parts = [metrics_section(result.evaluated), model_section(result), times_section(seconds)]
    show_markdown("metrics", markdown(parts), "Held-out metrics before and after fine-tuning")
    curve = read_bytes(to_path(result.report).parent / CURVE)
    show_image("training", curve, "Loss and recall over the steps")
    show_image("contact-sheet", sheet, "Nearest images of held-out titles, relevant ones framed")
