"""Clean a catalogue and resize its pictures.

python flows/data_preprocessing.py --file_path catalog.parquet --base_image_path images
    --processed_data_path processed --processed_images_path resized --default_image_size 384 384
"""

from prefect import flow

from flows.cli import parse, run
from tasks.clean import clean
from tasks.orchestration.ray_shards import check_runner
from tasks.orchestration.stage import outcome
from tasks.resize import resize
from vitrina.catalog.cleaning import check_catalog
from vitrina.catalog.processed_writer import TABLE
from vitrina.config import CleanConfig, DataPreprocessingConfig, ResizeConfig
from vitrina.errors import UserError
from vitrina.reporting.sections import rows_section, show_sections
from vitrina.results import ResizeResult
from vitrina.store.artifacts import Store
from vitrina.store.files import check_writable
from vitrina.store.paths import check_folder, location


@flow(name="data-preprocessing")
def data_preprocessing(config: DataPreprocessingConfig) -> ResizeResult:
    """Clean the table, bring the pictures to size, and name every row that was rejected."""
    output = config.processed_data_path.rstrip("/")
    own = Store(root=f"{output}/.vitrina")
    cleaned = outcome(
        clean, config.file_path, own, config.part(CleanConfig), refresh=config.refresh
    )
    return outcome(
        resize,
        cleaned,
        config.base_image_path,
        config.processed_images_path,
        Store(root=output, keyed=False),
        config.part(ResizeConfig),
        refresh=config.refresh,
        runner=config.runner,
    )


def check(config: DataPreprocessingConfig) -> None:
    """Refuse what cannot work, before anything is written."""
    check_runner(config.runner)
    check_catalog(location(config.file_path), config.part(CleanConfig))
    check_folder(location(config.base_image_path))
    if location(config.processed_data_path) / TABLE == location(config.file_path):
        raise UserError(
            f"{config.file_path} is the catalogue, and the processed table would be written over "
            "it. Name another --processed_data_path."
        )
    check_writable(location(config.processed_data_path))
    check_writable(location(config.processed_images_path))


if __name__ == "__main__":
    show_sections(
        rows_section(run(data_preprocessing, parse(DataPreprocessingConfig, __doc__), check))
    )
