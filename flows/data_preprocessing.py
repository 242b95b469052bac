"""Clean a catalogue and resize its images.

python flows/data_preprocessing.py --file_path catalog.parquet --base_image_path images
    --processed_data_path processed --processed_images_path resized --default_image_size 384 384
"""

from prefect import flow

from flows.cli import parse, run
from tasks.clean import clean
from tasks.orchestration.ray_shards import check_executor
from tasks.resize import resize
from vitrina.catalog.cleaning import check_catalog
from vitrina.catalog.processed_writer import TABLE
from vitrina.config.catalog import CleanConfig
from vitrina.config.images import ResizeConfig
from vitrina.config.run_options import RunOptions
from vitrina.config.scripts import DataPreprocessingConfig
from vitrina.errors import UserError
from vitrina.images.resize_catalog import ImageFolders
from vitrina.images.resize_index import INDEX_FOLDER
from vitrina.images.resize_plan import would_overwrite
from vitrina.reporting.sections import rows_section, show_sections
from vitrina.results import ResizeResult
from vitrina.store.artifacts import MANIFEST, Store, check_output
from vitrina.store.paths import check_folder, to_path


@flow(name="data-preprocessing")
def data_preprocessing(config: DataPreprocessingConfig) -> ResizeResult:
    """Clean the table, resize the images, and give the reason of every row that was rejected."""
    output, options = config.processed_data_path.rstrip("/"), config.part(RunOptions)
    own = Store(root=f"{output}/.vitrina")
    cleaned = clean(config.file_path, own, config.part(CleanConfig), options)
    folders = ImageFolders(originals=config.base_image_path, resized=config.processed_images_path)
    store = Store(root=output, keyed=False)
    return resize(cleaned, folders, store, config.part(ResizeConfig), options)


def check(config: DataPreprocessingConfig) -> None:
    """Validate the input before anything is written."""
    check_executor(config.executor)
    check_catalog(to_path(config.file_path), config.part(CleanConfig))
    check_folder(to_path(config.base_image_path))
    if to_path(config.processed_data_path) / TABLE == to_path(config.file_path):
        raise UserError(
            f"{config.file_path} is the catalogue, and the processed table would be written over "
            "it. Name another --processed_data_path."
        )
    originals, resized = to_path(config.base_image_path), to_path(config.processed_images_path)
    if would_overwrite(originals, resized, config.part(ResizeConfig)):
        raise UserError(
            f"{config.base_image_path} holds the original images, which the resized ones would "
            "overwrite. Name another --processed_images_path."
        )
    check_output(to_path(config.processed_data_path), MANIFEST)
    check_output(to_path(config.processed_images_path), INDEX_FOLDER)


if __name__ == "__main__":
    show_sections(
        rows_section(run(data_preprocessing, parse(DataPreprocessingConfig, __doc__), check))
    )
