"""The flow that fine-tunes ruCLIP on a processed table."""

if __name__ == "__main__":  # first, for help and refusals need nothing of what is imported below
    from flows.main import script

    script("flows.commands.train_model")
    raise SystemExit

import logging

from prefect import flow

from flows.commands.train_model import preprocessing, search_queries
from flows.data_preprocessing import data_preprocessing
from tasks.base_model import prepare_model
from tasks.orchestration.run_name import run_name
from tasks.queries import queries
from tasks.train import train
from vitrina.catalog.table_fingerprint import table_fingerprint
from vitrina.config.queries import QueryTableConfig
from vitrina.config.run_options import TrackedRunOptions
from vitrina.config.scripts import TrainModelConfig
from vitrina.config.text import ListingConfig
from vitrina.config.training import TrainConfig
from vitrina.results import TableRef, TrainResult
from vitrina.store.artifacts import Store
from vitrina.store.files import copy
from vitrina.store.paths import exists, to_path

logger = logging.getLogger(__name__)


@flow(name="train-model", flow_run_name=run_name)
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
    listing = config.part(ListingConfig)
    base = prepare_model(config.model, table, own, options, listing)
    cleaned = None
    if config.queries:
        cleaned = queries(config.queries, table, own, config.part(QueryTableConfig), options)
    return train(
        table,
        base,
        Store(root=output, keyed=False),
        config.part(TrainConfig),
        options,
        listing,
        search_queries(cleaned, config),
        config.overwrite,
    )
