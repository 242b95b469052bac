"""Stage "report": the HTML page of a run, and its artifacts in the Prefect UI."""

from collections.abc import Mapping

from tasks.orchestration.prefect_ui import show_image, show_markdown, show_table
from tasks.orchestration.stage import StageTask
from vitrina.catalog.processed_table import IMAGE_PATH, read_table
from vitrina.catalog.text_template import TextTemplate
from vitrina.config.evaluation import MeasureConfig
from vitrina.config.run_options import RefreshOption
from vitrina.evaluation.stored import find_or_measure, measuring_inputs
from vitrina.health.samples import Sample, read_samples
from vitrina.reporting.health_samples import samples_markdown
from vitrina.reporting.render import markdown
from vitrina.reporting.sections import (
    compared_models,
    headline,
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
    (
        "vitrina.reporting.training_curve:draw_training",
        "vitrina.reporting.contact_sheet:draw_contact_sheet",
    ),
)
PAGE, CURVE, CONTACT_SHEET = "report.html", "training.png", "contact_sheet.png"


@StageTask
def report(
    results: StageResults,
    seconds: dict[str, float],
    store: Store,
    config: MeasureConfig,
    options: RefreshOption,
) -> StageOutcome[PipelineResult]:
    """Write ``report.html`` and show its contents in the Prefect UI.

    Its contact sheet shows the model that embeds and, beside it, the one it was compared with.
    """

    table = results.resized.table

    def make(artifact: Artifact) -> tuple[PipelineResult, tuple[str, ...]]:
        from vitrina.reporting.contact_sheet import draw_contact_sheet
        from vitrina.reporting.training_curve import draw_training  # torch takes seconds to import

        result = PipelineResult(**dict(results), report=str(artifact.path / PAGE))
        curve = draw_training(results.trained)
        measured = {
            heading: find_or_measure(table, model, store, config)
            for heading, model in compared_models(results.promoted).items()
        }
        text = config.listing.text
        rows = read_table(to_path(table.path), (IMAGE_PATH, *TextTemplate.parse(text).columns))
        sheet = draw_contact_sheet(rows, measured, text)
        write_bytes(artifact.path / CURVE, curve)
        write_bytes(artifact.path / CONTACT_SHEET, sheet)
        content = page(result, seconds, curve, sheet, health_samples(result))
        write_bytes(artifact.path / PAGE, content.encode())
        return result, (PAGE, CURVE, CONTACT_SHEET)

    inputs = dict(results) | {"measured": measuring_inputs(table, results.promoted.model, config)}
    outcome = STAGE.find_or_make(store, inputs, make, refresh=options.refresh)
    show(outcome.result, seconds)
    return outcome


def health_samples(result: StageResults) -> list[Sample]:
    """The listings that look wrong, as far as they are shown."""
    return read_samples(to_path(result.health.samples)) if result.health else []


def show(result: PipelineResult, seconds: Mapping[str, float]) -> None:
    """Create the run's artifacts in the Prefect UI."""
    rows = rows_section(result.resized).rows
    show_table(
        "rows", [{"rows": name, "count": count} for name, count in rows], "Rows kept and rejected"
    )
    parts = [metrics_section(result.evaluated), model_section(result), times_section(seconds)]
    show_markdown(
        "metrics",
        markdown(headline(result.promoted), parts),
        "Held-out metrics before and after fine-tuning",
    )
    folder = to_path(result.report).parent
    show_image("training", read_bytes(folder / CURVE), "Loss and recall over the steps")
    sheet = read_bytes(folder / CONTACT_SHEET)
    if samples := health_samples(result):
        show_markdown("health", samples_markdown(samples), "Listings that look wrong")
    show_image("contact-sheet", sheet, "Nearest images of held-out titles, relevant ones framed")
