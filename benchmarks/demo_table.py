"""The processed table of a demo catalogue, for the training benchmarks."""

from pathlib import Path

import pandas as pd

from tasks.clean import clean
from tasks.draw_demo import draw_demo
from tasks.resize import resize
from vitrina.catalog.processed_table import read_table
from vitrina.config.catalog import CleanConfig
from vitrina.config.images import ResizeConfig
from vitrina.config.run_options import RunOptions
from vitrina.images.image_folders import ImageFolders, resized_folder
from vitrina.store.artifacts import Store
from vitrina.store.paths import to_path

EVERY_IMAGE = "{nm}*.jpg"


def processed_demo(
    folder: Path, products: int, seed: int = 0, image_pattern: str = "{nm}.jpg"
) -> pd.DataFrame:
    """The processed table of a demo catalogue of ``products`` rows; rows with flaws are dropped.

    With the pattern ``EVERY_IMAGE`` a third of the listings has two images.
    """
    store = Store(root=str(folder))
    config = ResizeConfig(default_image_size=(96, 96), image_pattern=image_pattern)
    options = RunOptions()
    drawn = draw_demo.fn(store, options, products, seed).result
    cleaned = clean.fn(drawn.catalog, store, CleanConfig(), options).result
    folders = ImageFolders(
        originals=drawn.images, resized=resized_folder(store.root, drawn.images, config)
    )
    resized = resize.fn(cleaned, folders, store, config, options).result
    return read_table(to_path(resized.table.path))
