"""Stage "report": the HTML page of a run, and its artifacts in the Prefect UI."""

from typing import TYPE_CHECKING

from tasks.orchestration.prefect_ui import show_artifact
from tasks.orchestration.stage import StageTask
from vitrina.catalog.processed_table import IMAGE_PATH, read_table
from vitrina.catalog.text_template import TextTemplate
from vitrina.config.report import ReportingConfig
from vitrina.config.run_options import RefreshOption
from vitrina.evaluation.stored import find_or_measure, measuring_inputs
from vitrina.feed.run_changes import stored_embedding
from vitrina.health.samples import read_samples
from vitrina.reporting.language import Words
from vitrina.reporting.page_sources import page_sources
from vitrina.reporting.previous_run import STAGE as NAME
from vitrina.reporting.previous_run import previous_key, read_previous
from vitrina.reporting.run_facts import RunFacts
from vitrina.reporting.sections import compared_models, reason_of
from vitrina.reporting.ui_artifact import read_ui_artifacts, write_ui_artifacts
from vitrina.results import PipelineResult, StageResults
from vitrina.search.stored_run import StoredRun
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.files import write_bytes
from vitrina.store.fingerprint import fingerprint
from vitrina.store.paths import to_path
from vitrina.store.stage import Stage, StageOutcome

if TYPE_CHECKING:
    from vitrina.reporting.content import Pictures

STAGE = Stage(
    NAME,
    PipelineResult,
    "vitrina.reporting.content:make_report",
    (
        "vitrina.reporting.html_page:html_page",
        "vitrina.reporting.ui_artifacts:ui_artifacts",
        "vitrina.reporting.training_curve:draw_training",
        "vitrina.reporting.metrics_chart:draw_metrics",
        "vitrina.reporting.contact_sheet:sheet_rows",
        "vitrina.reporting.contact_sheet:contact_sheet",
        "vitrina.reporting.vector_map:draw_vector_map",
        "vitrina.reporting.rejected_samples:rejected_cards",
        "vitrina.reporting.health_samples:health_cards",
        "vitrina.reporting.sections:reason_of",
    ),
)
PAGE, CONTACT_SHEET, UI = "report.html", "contact_sheet.png", "ui_artifacts.json"


# Six parameters: the run, where it is stored, and what is shown.
@StageTask
def report(
    results: StageResults,
    seconds: dict[str, float],
    facts: RunFacts,
    store: Store,
    config: ReportingConfig,
    options: RefreshOption,
) -> StageOutcome[PipelineResult]:
    """Write ``report.html`` and show its contents in the Prefect UI.

    It is compared with the run before of the same output. Date, versions, times and parameters
    that change no result are those of the run that first had these results.
    """
    run = fingerprint(dict(results), facts.decisive)
    previous = previous_key(store, run)

    def make(artifact: Artifact) -> tuple[PipelineResult, tuple[str, ...]]:
        from vitrina.reporting.contact_sheet import contact_sheet
        from vitrina.reporting.content import make_report
        from vitrina.reporting.html_page import html_page
        from vitrina.reporting.ui_artifacts import ui_artifacts

        words = Words(config.report.language)
        result = PipelineResult(**dict(results), report=str(artifact.path / PAGE))
        pictures = draw_pictures(results, store, config, words)
        reason = reason_of(results.promoted, config.gate, words)
        before = read_previous(store, previous)
        content = make_report(result, reason, seconds, facts, before, pictures, words)
        sheet = contact_sheet(pictures.headings, pictures.sheet, words)
        write_bytes(artifact.path / CONTACT_SHEET, sheet)
        write_bytes(artifact.path / PAGE, html_page(content).encode())
        write_ui_artifacts(artifact.path / UI, ui_artifacts(content, sheet))
        return result, (PAGE, CONTACT_SHEET, UI)

    table, model = results.resized.table, results.promoted.model
    inputs = dict(results) | {
        "measured": measuring_inputs(table, model, config.measuring),
        "run": run,
        "previous": previous,
        "parameters": facts.decisive,
        "paths": facts.model_dump(include={"catalog", "images", "model", "output"}),
        "report": config.report,
        "gate": config.gate,
        "page": fingerprint(page_sources()),
    }
    outcome = STAGE.find_or_make(store, inputs, make, refresh=options.refresh)
    for one in read_ui_artifacts(to_path(outcome.result.report).parent / UI):
        show_artifact(one)
    return outcome


def draw_pictures(
    results: StageResults, store: Store, config: ReportingConfig, words: Words
) -> "Pictures":
    """The charts, and the images of listings.

    The contact sheet shows the model that embeds and, beside it, the one it was compared with.
    """
    # matplotlib, torch and scikit-learn take seconds to import
    from vitrina.reporting.contact_sheet import sheet_rows
    from vitrina.reporting.content import Pictures
    from vitrina.reporting.health_samples import health_cards
    from vitrina.reporting.metrics_chart import draw_metrics
    from vitrina.reporting.rejected_samples import rejected_cards
    from vitrina.reporting.training_curve import draw_training

    table, text = results.resized.table, config.measuring.listing.text
    measured = {
        heading: find_or_measure(table, model, store, config.measuring)
        for heading, model in compared_models(results.promoted, words).items()
    }
    rows = read_table(to_path(table.path), (IMAGE_PATH, *TextTemplate.parse(text).columns))
    samples = read_samples(to_path(results.health.samples)) if results.health else []
    return Pictures(
        metrics=draw_metrics(results.evaluated, words),
        training=draw_training(results.trained, words),
        vector_map=draw_map(results, store, config, words) if config.report.map_rows else None,
        headings=list(measured),
        sheet=sheet_rows(rows, measured, text),
        rejected=rejected_cards(results.resized, config.report.rejected_samples, words),
        health=health_cards(samples, words),
    )


def draw_map(
    results: StageResults, store: Store, config: ReportingConfig, words: Words
) -> bytes | None:
    """The map of the run's vectors."""
    from vitrina.reporting.vector_map import draw_vector_map

    embedded, indexed = results.embedded, results.indexed
    run = StoredRun(store, stored_embedding(store, embedded), embedded)
    column, rows = config.measuring.evaluate.label_column, config.report.map_rows
    return draw_vector_map(run.npz, run.table(), column, rows, indexed.image_weight, words)
