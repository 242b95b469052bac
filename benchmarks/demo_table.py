"""The demo's catalogue, drawn and processed: a table for the training benchmarks."""

from pathlib import Path
from typing import Any

import pandas as pd
from prefect.client.schemas.objects import State

from tasks.clean import clean
from tasks.draw_demo import draw_demo
from tasks.resize import resize
from vitrina.catalog.processed_table import read_table
from vitrina.config import CleanConfig, ResizeConfig
from vitrina.images.resize_catalog import resized_folder
from vitrina.store.artifacts import Store
from vitrina.store.paths import to_path


def processed_demo(folder: Path, products: int, seed: int = 0) -> pd.DataFrame:
    """The processed table of a demo catalogue of ``products`` rows, its dirt removed."""
    store, config = Store(root=str(folder)), ResizeConfig(default_image_size=(96, 96))
    drawn = _value(draw_demo.fn(store, products, seed))
    cleaned = _value(clean.fn(drawn.catalog, store, CleanConfig()))
    images = resized_folder(store.root, drawn.images, config)
    resized = _value(resize.fn(cleaned, drawn.images, images, store, config))
    return read_table(to_path(resized.table))


def _value(result: Any) -> Any:
    """What a stage returns, whether it ran or was found."""
    return result.data if isinstance(result, State) else result
