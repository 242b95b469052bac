"""The flow of the whole pipeline: clean, resize, train, evaluate, promote, embed, index."""

if __name__ == "__main__":  # first, for help and refusals need nothing of what is imported below
    from flows.main import script

    script("flows.commands.pipeline")
    raise SystemExit

import logging
from datetime import UTC, datetime

from prefect import flow, runtime

from flows.commands.pipeline import image_folders
from flows.commands.train_model import search_queries
from flows.option_names import with_option_names
from tasks.base_model import prepare_model
from tasks.changes import changes
from tasks.child_stages import embed_in_deployment, train_in_deployment
from tasks.clean import clean
from tasks.draw_demo import draw_demo
from tasks.duplicates import duplicates
from tasks.embed import embed
from tasks.evaluate import evaluate
from tasks.health import health
from tasks.index import index
from tasks.orchestration.run_name import run_name
from tasks.orchestration.stage import StageClock
from tasks.promote import promote
from tasks.queries import queries
from tasks.report import report
from tasks.resize import resize
from tasks.train import train
from vitrina.catalog.required_texts import required_texts_advice
from vitrina.catalog.text_template import check_text
from vitrina.config.evaluation import MeasureConfig
from vitrina.config.pipeline import PipelineConfig
from vitrina.config.queries import QueryTableConfig
from vitrina.config.report import ReportingConfig
from vitrina.config.run_options import RunOptions, TrackedRunOptions
from vitrina.config.text import ListingConfig
from vitrina.index.stored_vectors import vector_form
from vitrina.model.folder import stored_embed_dim
from vitrina.reporting.render import terminal
from vitrina.reporting.run_facts import run_facts
from vitrina.reporting.sections import summary
from vitrina.results import PipelineResult, StageResults
from vitrina.store.artifacts import open_store
from vitrina.store.paths import to_path

logger = logging.getLogger(__name__)


@flow(name="pipeline", flow_run_name=run_name)
def pipeline(config: PipelineConfig) -> PipelineResult:
    """Fine-tune ruCLIP on a catalogue and embed every listing's text and image."""
    store, clock = open_store(config.output), StageClock()
    facts = run_facts(config, str(runtime.flow_run.name or ""), datetime.now(UTC))
    options, tracked = config.part(RunOptions), config.part(TrackedRunOptions)
    listing = config.part(ListingConfig)
    train_stage = train_in_deployment(config) if config.training_deployment else train
    embed_stage = embed_in_deployment(config) if config.embedding_deployment else embed

    catalog, images, typed = config.catalog, config.images, config.queries
    if config.is_demo:
        drawn = clock.run(draw_demo, store, options, config.demo_products)
        catalog, images = (drawn.catalog,), drawn.images
        typed = tuple(drawn.queries if path == "demo" else path for path in typed)
    cleaned = clock.run(clean, catalog, store, config.clean, options, config.resize.bytes_column)
    if advice := required_texts_advice(cleaned.rows_in, cleaned.reasons):
        logger.warning(with_option_names(advice, type(config)))
    folders = image_folders(config, catalog, images)
    resized = clock.run(resize, cleaned, folders, store, config.resize, options, config.fetch)
    table = resized.table
    check_text(listing.text, to_path(table.path))
    cleaned_queries = None
    if typed:
        cleaned_queries = clock.run(
            queries, typed, table, store, config.part(QueryTableConfig), options
        )
    used = search_queries(cleaned_queries, config)
    measuring = MeasureConfig(
        evaluate=config.evaluate, split=config.train.split(), listing=listing, queries=used
    )
    base = clock.run(prepare_model, config.model, table, store, options, listing)
    if embed_dim := stored_embed_dim(to_path(base.folder)):
        vector_form(config.index, embed_dim)  # refused now rather than after the training
    trained = clock.run(train_stage, table, base, store, config.train, tracked, listing, used)
    evaluated = clock.run(evaluate, table, base, trained.model, store, measuring, tracked)
    promoted = clock.run(promote, table, base, trained.model, store, measuring, config.gate)
    embedded = clock.run(embed_stage, table, promoted.model, store, config.embed, options, listing)
    indexed = clock.run(index, table, embedded, store, config.index, measuring, options)
    changed = clock.run(changes, embedded, store)
    repeated = None
    if "duplicates" not in config.skip:
        given = embedded, store, config.duplicates, measuring.split, options
        repeated = clock.run(duplicates, *given)
    checked = None
    if "health" not in config.skip:
        before = embedded, repeated
        checked = clock.run(health, *before, store, config.health, measuring.split, options)
    results = StageResults(
        resized=resized,
        trained=trained,
        evaluated=evaluated,
        promoted=promoted,
        embedded=embedded,
        indexed=indexed,
        changed=changed,
        duplicates=repeated,
        health=checked,
        queries=cleaned_queries,
    )
    reporting = ReportingConfig(report=config.report, measuring=measuring, gate=config.gate)
    result = report(results, clock.seconds, facts, store, reporting, options)
    terminal().print(summary(result, clock.seconds))
    return result
