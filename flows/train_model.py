"""Fine-tune ruCLIP on a processed table.

python flows/train_model.py --processed_data_path processed/processed_data.csv
    --model_save_path model --num_epochs 2 --batch_size 32 --lr 1e-6
"""

import logging

from prefect import flow

from flows.cli import parse, run
from flows.data_preprocessing import check as check_preprocessing
from flows.data_preprocessing import data_preprocessing
from tasks.base_model import prepare_model
from tasks.orchestration.ray_shards import check_launcher
from tasks.train import train
from vitrina.catalog.processed_table import check_table
from vitrina.catalog.table_fingerprint import table_fingerprint
from vitrina.config.images import ResizeConfig
from vitrina.config.run_options import TrackedRunOptions
from vitrina.config.scripts import DataPreprocessingConfig, TrainModelConfig
from vitrina.config.training import TrainConfig
from vitrina.errors import UserError
from vitrina.images.resize_plan import would_overwrite
from vitrina.model.source import check_model
from vitrina.reporting.sections import show_sections, training_section
from vitrina.results import TableRef, TrainResult
from vitrina.store.artifacts import MANIFEST, Store, check_output
from vitrina.store.files import copy
from vitrina.store.paths import exists, to_path
from vitrina.training.train import check_base, check_processes

logger = logging.getLogger("flows.train_model")  # run as a script, __name__ is "__main__"


@flow(name="train-model")
def train_model(config: TrainModelConfig) -> TrainResult:
    """Train, with a checkpoint after every epoch; make the processed table first if need be."""
    path, options = to_path(config.processed_data_path), config.part(TrackedRunOptions)
    if not exists(path):
        preparation = preprocessing(config)
        logger.info("The resized images go to %s.", preparation.processed_images_path)
        made = data_preprocessing(preparation)
        same = to_path(made.table.path if path.suffix == ".parquet" else made.csv)
        if same != path:
            copy(same, path)
    table = TableRef(path=str(path), fingerprint=table_fingerprint(path))
    output = config.model_save_path.rstrip("/")
    own = Store(root=f"{output}/.vitrina")
    base = prepare_model(config.model, table, own, options)
    store = Store(root=output, keyed=False)
    return train(table, base, store, config.part(TrainConfig), options, config.overwrite)


def preprocessing(config: TrainModelConfig) -> DataPreprocessingConfig:
    """How the processed table is made from --file_path and --base_image_path.

    The resized images go to the folder ``images`` beside the table, or to ``resized`` if that one
    holds the original images.
    """
    folder = to_path(config.processed_data_path).parent
    if config.file_path is None or config.base_image_path is None:
        raise UserError(
            f"{config.processed_data_path} does not exist. Make it with "
            "flows/data_preprocessing.py, or give --file_path and --base_image_path too."
        )
    resized = folder / "images"
    if would_overwrite(to_path(config.base_image_path), resized, ResizeConfig()):
        resized = folder / "resized"
    return DataPreprocessingConfig(
        file_path=config.file_path,
        base_image_path=config.base_image_path,
        processed_data_path=str(folder),
        processed_images_path=str(resized),
    )


def check(config: TrainModelConfig) -> None:
    """Validate the input before anything is written."""
    check_launcher(config.part(TrainConfig))
    check_processes(config.part(TrainConfig))
    table = to_path(config.processed_data_path)
    if exists(table):
        check_table(table)
    else:
        check_preprocessing(preprocessing(config))
    check_model(config.model)
    folder = to_path(config.model_save_path)
    check_base(config.model, folder)
    check_output(folder, MANIFEST)


if __name__ == "__main__":
    show_sections(training_section(run(train_model, parse(TrainModelConfig, __doc__), check)))
