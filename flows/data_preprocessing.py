"""The flow that cleans a catalogue and resizes its images."""

if __name__ == "__main__":  # first, for help and refusals need nothing of what is imported below
    from flows.main import script

    script("flows.commands.data_preprocessing")
    raise SystemExit

import logging

from prefect import flow

from flows.commands.data_preprocessing import image_folders
from flows.option_names import with_option_names
from tasks.clean import clean
from tasks.orchestration.run_name import run_name
from tasks.resize import resize
from vitrina.catalog.required_texts import required_texts_advice
from vitrina.config.catalog import CleanConfig
from vitrina.config.images import ResizeConfig
from vitrina.config.run_options import RunOptions
from vitrina.config.scripts import DataPreprocessingConfig
from vitrina.results import ResizeResult
from vitrina.store.artifacts import Store

logger = logging.getLogger(__name__)


@flow(name="data-preprocessing", flow_run_name=run_name)
def data_preprocessing(config: DataPreprocessingConfig) -> ResizeResult:
    """Clean the table, resize the images, and give the reason of every row that was rejected."""
    output, options = config.processed_data_path.rstrip("/"), config.part(RunOptions)
    own = Store(root=f"{output}/.vitrina")
    resizing = config.part(ResizeConfig)
    cleaned = clean(config.file_path, own, config.part(CleanConfig), options, resizing.bytes_column)
    if advice := required_texts_advice(cleaned.rows_in, cleaned.reasons):
        logger.warning(with_option_names(advice, type(config)))
    store = Store(root=output, keyed=False)
    return resize(cleaned, image_folders(config), store, resizing, options, config.fetch)
