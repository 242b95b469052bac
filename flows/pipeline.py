"""The whole way: clean, resize, train, evaluate, promote, embed.

    python flows/pipeline.py                        the embedded demo, offline, in two minutes
    python flows/pipeline.py --catalog catalog.parquet --images images --output s3://bucket/shop
    python flows/pipeline.py --config shop.yaml --train.lr 3e-6

--config reads parameters from a YAML file like flows/demo.yaml; an option beside it wins.
"""

import time
from pathlib import Path
from typing import Any

from prefect import Task, flow

from flows.cli import parse, run
from tasks.base_model import prepare_model
from tasks.child_stages import embed_remotely, train_remotely
from tasks.clean import clean
from tasks.draw_demo import draw_demo
from tasks.embed import embed
from tasks.evaluate import evaluate
from tasks.orchestration.ray_shards import check_launcher, check_runner
from tasks.orchestration.stage import outcome
from tasks.promote import promote
from tasks.report import report
from tasks.resize import resize
from tasks.train import train
from vitrina.catalog.cleaning import check_catalog
from vitrina.config import PipelineConfig
from vitrina.evaluation.summary import check_labels
from vitrina.images.resize_catalog import pictures_folder
from vitrina.model.source import check_model
from vitrina.promotion.gate import present_model
from vitrina.reporting.render import terminal
from vitrina.reporting.sections import summary
from vitrina.results import PipelineResult
from vitrina.store.artifacts import Store
from vitrina.store.files import check_writable
from vitrina.store.paths import check_folder, location

DEMO = Path(__file__).with_name("demo.yaml")


class Steps:
    """Runs tasks one after another as task runs of the flow, and keeps how long each took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def run(self, task: Task[..., Any], *arguments: object, **options: object) -> Any:
        """The task's result; its failure is raised here."""
        started = time.perf_counter()
        result = outcome(task, *arguments, **options)
        self.seconds[task.name] = time.perf_counter() - started
        return result


@flow(name="pipeline")
def pipeline(config: PipelineConfig) -> PipelineResult:
    """Fine-tune ruCLIP on a catalogue and embed every listing's text and picture."""
    steps, store, refresh = Steps(), Store(root=config.output), config.refresh
    in_shards = {"refresh": refresh, "runner": config.runner}
    catalog, images = config.catalog, config.images
    if catalog == "demo":
        drawn = steps.run(draw_demo, store, config.demo_products, refresh=refresh)
        catalog, images = drawn.catalog, drawn.images
    cleaned = steps.run(clean, catalog, store, config.clean, refresh=refresh)
    pictures = pictures_folder(config.output, images, config.resize)
    resized = steps.run(resize, cleaned, images, pictures, store, config.resize, **in_shards)
    table = resized.table, resized.fingerprint
    base = steps.run(prepare_model, config.model, *table, store, refresh=refresh)
    trained = steps.run(
        train_remotely(config) if config.training_deployment else train,
        *table,
        base,
        store,
        config.train,
        config.project_name,
        refresh=refresh,
    )
    rivals, measuring = (base, trained.model, store), (config.evaluate, config.train)
    evaluated = steps.run(
        evaluate,
        *table,
        *rivals,
        *measuring,
        refresh=refresh,
        project_name=config.project_name,
    )
    promoted = steps.run(promote, *table, *rivals, *measuring, config.gate)
    promoted = promoted.model_copy(update={"model": present_model(promoted, base)})
    embedded = steps.run(
        embed_remotely(config) if config.embedding_deployment else embed,
        *table,
        promoted.model,
        store,
        config.embed,
        **in_shards,
    )
    results = resized, trained, evaluated, promoted, embedded
    result = outcome(report, *results, steps.seconds, store, refresh=refresh)
    terminal().print(summary(result, steps.seconds))
    return result


def check(config: PipelineConfig) -> None:
    """Refuse what cannot work, before anything is written."""
    check_runner(config.runner)
    if not config.training_deployment:
        check_launcher(config.train)
    if config.catalog != "demo":
        layout = check_catalog(location(config.catalog), config.clean)
        check_labels(layout.schema.names, config.evaluate)
        check_folder(location(config.images))
    check_model(config.model)
    check_writable(location(config.output))


if __name__ == "__main__":
    run(pipeline, parse(PipelineConfig, __doc__, default_file=DEMO), check)
