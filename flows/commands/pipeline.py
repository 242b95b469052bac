"""The whole pipeline: clean, resize, train, evaluate, promote, embed, index.

    python flows/pipeline.py                        the embedded demo, offline, in two minutes
    python flows/pipeline.py --catalog catalog.parquet --images images --output s3://bucket/shop
    python flows/pipeline.py --config shop.yaml --train.lr 3e-6

--config reads parameters from a YAML file like flows/demo.yaml; an option beside it wins.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from flows.command import Command
from flows.run import Work, run_flow
from vitrina.config.pipeline import PipelineConfig
from vitrina.config.queries import QueryTableConfig
from vitrina.store.paths import to_path

if TYPE_CHECKING:
    from vitrina.images.image_folders import ImageFolders
    from vitrina.results import PipelineResult

DEMO = Path(__file__).parents[1] / "demo.yaml"


def image_folders(config: PipelineConfig, catalog: tuple[str, ...], images: str) -> "ImageFolders":
    """Where the images are and where they go; the demo's are drawn first."""
    from vitrina.images.image_folders import ImageFolders, resized_folder

    resized = resized_folder(config.output, images, config.resize)
    return ImageFolders(originals=images, resized=resized, catalog=catalog)


def check(config: PipelineConfig) -> None:
    """Validate the input before anything is written."""
    # Imported here: help and the refusal of an option need none of it.
    from tasks.orchestration.executor import check_executor, check_launcher
    from vitrina.catalog.cleaning import check_catalog
    from vitrina.catalog.column_names import check_named
    from vitrina.catalog.processed_writer import TABLE
    from vitrina.catalog.queries.clean_queries import open_queries
    from vitrina.catalog.source.parts import catalog_paths, check_not_read_from, name_of
    from vitrina.catalog.text_template import TextTemplate
    from vitrina.demo.catalog import SCHEMA
    from vitrina.evaluation.summary import check_labels
    from vitrina.images.places.open_place import check_place
    from vitrina.index.columns import check_columns
    from vitrina.model.source import check_model
    from vitrina.store.artifacts import LAYOUT_FILE, check_layout, check_output
    from vitrina.training.train import check_processes

    check_executor(config.executor)
    if not config.training_deployment:
        check_launcher(config.train)
        check_processes(config.train)
    template = TextTemplate.parse(config.text)
    if config.is_demo:
        name, schema = "The demo catalogue", SCHEMA
    else:
        catalog = catalog_paths(config.catalog)
        name = name_of(catalog)
        schema = check_catalog(catalog, config.clean, config.resize.bytes_column).cleaned_schema
        check_not_read_from(to_path(config.output) / "resize" / TABLE, catalog, "--output")
        check_labels(schema.names, config.evaluate)
        check_place(
            image_folders(config, config.catalog, config.images), config.resize, schema, name
        )
    template.check(name, schema.names, schema)
    columns = (*config.duplicates.columns(), *config.health.columns())
    check_named(name, schema.names, columns)
    check_columns(config.index.columns, schema)
    if config.queries and not config.is_demo:
        open_queries(catalog_paths(config.queries), config.part(QueryTableConfig))
    check_model(config.model)
    check_layout(to_path(config.output))
    check_output(to_path(config.output), LAYOUT_FILE)


def load() -> "Work[PipelineConfig, PipelineResult]":
    """The flow."""
    from flows.pipeline import pipeline

    return pipeline


def main(config: PipelineConfig) -> None:
    """Run the whole pipeline."""
    run_flow(load, config, check)


FIRST = (
    "demo",
    "config",
    "catalog",
    "images",
    "resize.image_pattern",
    "model",
    "output",
    "text",
    "train.num_epochs",
    "train.batch_size",
    "train.lr",
    "executor",
)
COMMAND = Command(PipelineConfig, __doc__, main, demo=DEMO, first=FIRST)
