"""Fine-tune ruCLIP on a processed table.

python flows/train_model.py --processed_data_path processed/processed_data.csv
    --model_save_path model --num_epochs 2 --batch_size 32 --lr 1e-6
"""

from typing import TYPE_CHECKING

from flows.command import Command
from flows.commands.data_preprocessing import check as check_preprocessing
from flows.run import Work, run_flow
from vitrina.config.catalog import CleanConfig
from vitrina.config.images import ResizeConfig
from vitrina.config.queries import (
    QueryConfig,
    QueryTableConfig,
    QueryUseConfig,
    SearchQueries,
)
from vitrina.config.scripts import DataPreprocessingConfig, TrainModelConfig
from vitrina.config.training import TrainConfig
from vitrina.errors import UserError
from vitrina.store.paths import exists, to_path

if TYPE_CHECKING:
    from vitrina.results import QueriesResult, TrainResult


def preprocessing(config: TrainModelConfig) -> DataPreprocessingConfig:
    """How the processed table is made from --file_path and --base_image_path.

    The resized images go to the folder ``images`` beside the table, or to ``resized`` if that one
    holds the original images.
    """
    from vitrina.images.image_folders import ImageFolders
    from vitrina.images.places.open_place import would_overwrite

    folder = to_path(config.processed_data_path).parent
    if not config.file_path or config.base_image_path is None:
        raise UserError(
            f"{config.processed_data_path} does not exist. Make it with "
            "flows/data_preprocessing.py, or give --file_path and --base_image_path too."
        )
    resized = folder / "images"
    folders = ImageFolders(originals=config.base_image_path, resized=str(resized))
    if would_overwrite(folders, ResizeConfig()):
        resized = folder / "resized"
    return DataPreprocessingConfig(
        file_path=config.file_path,
        base_image_path=config.base_image_path,
        processed_data_path=str(folder),
        processed_images_path=str(resized),
    )


def search_queries(cleaned: "QueriesResult | None", config: QueryConfig) -> SearchQueries | None:
    """The cleaned queries with what they are used for; None without any."""
    if cleaned is None:
        return None
    table = cleaned.table
    return SearchQueries(
        path=table.path, fingerprint=table.fingerprint, use=config.part(QueryUseConfig)
    )


def check(config: TrainModelConfig) -> None:
    """Validate the input before anything is written."""
    # Imported here: help and the refusal of an option need none of it.
    from tasks.orchestration.executor import check_launcher
    from vitrina.catalog.cleaning import check_catalog
    from vitrina.catalog.processed_table import check_table
    from vitrina.catalog.queries.clean_queries import open_queries
    from vitrina.catalog.source.parts import catalog_paths, name_of
    from vitrina.catalog.text_template import TextTemplate, check_text
    from vitrina.model.source import check_model
    from vitrina.store.artifacts import MANIFEST, check_output
    from vitrina.training.train import check_base, check_processes

    check_launcher(config.part(TrainConfig))
    check_processes(config.part(TrainConfig))
    table = to_path(config.processed_data_path)
    if exists(table):
        check_table(table)
        check_text(config.text, table)
    else:
        preparation = preprocessing(config)
        check_preprocessing(preparation)
        catalog = catalog_paths(preparation.file_path)
        schema = check_catalog(catalog, preparation.part(CleanConfig)).cleaned_schema
        TextTemplate.parse(config.text).check(name_of(catalog), schema.names, schema)
    if config.queries:
        open_queries(catalog_paths(config.queries), config.part(QueryTableConfig))
    check_model(config.model)
    folder = to_path(config.model_save_path)
    check_base(config.model, folder)
    check_output(folder, MANIFEST)


def load() -> "Work[TrainModelConfig, TrainResult]":
    """The flow."""
    from flows.train_model import train_model

    return train_model


def main(config: TrainModelConfig) -> None:
    """Train, and show the epochs."""
    result = run_flow(load, config, check)
    from vitrina.reporting.sections import show_sections, training_section

    show_sections(training_section(result))


FIRST = (
    "processed_data_path",
    "model_save_path",
    "file_path",
    "base_image_path",
    "model",
    "project_name",
    "num_epochs",
    "batch_size",
    "lr",
    "text",
)
COMMAND = Command(TrainModelConfig, __doc__, main, first=FIRST)
