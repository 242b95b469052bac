"""Clean a catalogue and resize its images.

python flows/data_preprocessing.py --file_path catalog.parquet --base_image_path images
    --processed_data_path processed --processed_images_path resized --default_image_size 384 384
"""

from typing import TYPE_CHECKING

from flows.command import Command
from flows.run import Work, run_flow
from vitrina.config.catalog import CleanConfig
from vitrina.config.images import ResizeConfig
from vitrina.config.scripts import DataPreprocessingConfig
from vitrina.store.paths import to_path

if TYPE_CHECKING:
    from vitrina.images.image_folders import ImageFolders
    from vitrina.results import ResizeResult


def image_folders(config: DataPreprocessingConfig) -> "ImageFolders":
    """Where the images are and where they go."""
    from vitrina.images.image_folders import ImageFolders

    return ImageFolders(
        originals=config.base_image_path,
        resized=config.processed_images_path,
        catalog=config.file_path,
    )


def check(config: DataPreprocessingConfig) -> None:
    """Validate the input before anything is written."""
    # Imported here: help and the refusal of an option need none of it.
    from tasks.orchestration.executor import check_executor
    from vitrina.catalog.cleaning import check_catalog
    from vitrina.catalog.processed_writer import CSV, REJECTED, TABLE
    from vitrina.catalog.source.parts import catalog_paths, check_not_read_from, name_of
    from vitrina.images.places.open_place import check_place
    from vitrina.images.resize_index import INDEX_FOLDER
    from vitrina.store.artifacts import MANIFEST, check_output

    check_executor(config.executor)
    catalog, processed = catalog_paths(config.file_path), to_path(config.processed_data_path)
    resizing = config.part(ResizeConfig)
    columns = check_catalog(catalog, config.part(CleanConfig), resizing.bytes_column)
    check_place(image_folders(config), resizing, columns.cleaned_schema, name_of(catalog))
    for name in (TABLE, CSV, REJECTED):
        check_not_read_from(processed / name, catalog, "--processed_data_path")
    check_output(processed, MANIFEST)
    check_output(to_path(config.processed_images_path), INDEX_FOLDER)


def load() -> "Work[DataPreprocessingConfig, ResizeResult]":
    """The flow."""
    from flows.data_preprocessing import data_preprocessing

    return data_preprocessing


def main(config: DataPreprocessingConfig) -> None:
    """Preprocess, and show the rows kept and rejected."""
    result = run_flow(load, config, check)
    from vitrina.reporting.sections import rows_section, show_sections

    show_sections(rows_section(result))


FIRST = (
    "file_path",
    "base_image_path",
    "processed_data_path",
    "processed_images_path",
    "default_image_size",
    "image_pattern",
    "image_column",
    "nm_column",
    "required",
    "executor",
    "refresh",
)
COMMAND = Command(DataPreprocessingConfig, __doc__, main, first=FIRST)
