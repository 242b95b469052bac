"""TODO."""

from collections.abc import Mapping

from tasks.orchestration.prefect_ui import show_markdown, show_picture, show_table
from tasks.orchestration.stage import retried
from vitrina.evaluation.stored import CONTACT_SHEET
from vitrina.reporting.render import html_page, markdown
from vitrina.reporting.sections import (
    draw_training,
    figures_section,
    model_section,
    rows_section,
    sections,
    times_section,
)
from vitrina.results import (
    EmbedResult,
    EvaluateResult,
    PipelineResult,
    PromoteResult,
    ResizeResult,
    TrainResult,
)
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.files import read_bytes, write_bytes
from vitrina.store.paths import location
from vitrina.store.stage import Stage

STAGE = Stage("report", PipelineResult, __name__)
PAGE, CURVE = "report.html", "training.png"


@retried
def report(
    resized: ResizeResult,
    trained: TrainResult,
    evaluated: EvaluateResult,
    promoted: PromoteResult,
    embedded: EmbedResult,
    seconds: dict[str, float],
    store: Store,
    refresh: bool = False,
) -> PipelineResult:
    """Write ``report.html`` and show its content in the Prefect UI; all results as one."""
    results = {
        "resized": resized,
        "trained": trained,
        "evaluated": evaluated,
        "promoted": promoted,
        "embedded": embedded,
    }
    sheet = read_bytes(location(evaluated.report).parent / CONTACT_SHEET)

    def make(artifact: Artifact) -> tuple[PipelineResult, tuple[str, ...]]:
        result = PipelineResult(**results, report=str(artifact.path / PAGE))
        curve = draw_training(trained)
        pictures = {"Training": curve, "What held-out titles find, after": sheet}
        page = html_page("Vitrina: a run", sections(result, seconds), pictures)
        write_bytes(artifact.path / CURVE, curve)
        write_bytes(artifact.path / PAGE, page.encode())
        return result, (PAGE, CURVE)

    done = STAGE.run(store, results, make, refresh=refresh)
    result = done if isinstance(done, PipelineResult) else done.data
    show(result, seconds, sheet)
    return done


def show(result: PipelineResult, seconds: Mapping[str, float], sheet: bytes) -> None:
    """The run's artifacts in the Prefect UI."""
    rows = rows_section(result.resized).rows
    show_table(
        "rows", [{"what": name, "rows": count} for name, count in rows], "Rows kept and rejected"
    )
    parts = [figures_section(result.evaluated), model_section(result), times_section(seconds)]
    show_markdown("figures", markdown(parts), "Held-out figures before and after fine-tuning")
    curve = read_bytes(location(result.report).parent / CURVE)
    show_picture("training", curve, "Loss and recall over the steps")
    show_picture("contact-sheet", sheet, "What held-out titles find; right pictures framed green")
