"""A shop to measure models on: its processed table in a file, and two tiny ruCLIPs."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tests.support.shop import draw_shop, tiny_model
from vitrina.config.evaluation import EvaluateConfig, MeasureConfig
from vitrina.config.training import SplitConfig
from vitrina.results import ModelResult, TableRef

CONFIG = MeasureConfig(
    evaluate=EvaluateConfig(device="cpu", examples=3, templates="single"),
    split=SplitConfig(validation_fraction=0.1, test_fraction=0.4, seed=0),
)


@dataclass(frozen=True)
class MeasuredShop:
    """A processed table, where it is stored, and two models of random weights."""

    rows: pd.DataFrame
    table: TableRef
    models: tuple[ModelResult, ModelResult]


def measured_shop(folder: Path, rows: int = 120) -> MeasuredShop:
    """Draw the shop, its images and its models into a folder."""
    table = draw_shop(folder / "images", rows)
    table.to_parquet(folder / "table.parquet")
    return MeasuredShop(
        rows=table,
        table=TableRef(path=str(folder / "table.parquet"), fingerprint="fp"),
        models=(
            tiny_model(folder / "model0", table, 0),
            tiny_model(folder / "model1", table, 1),
        ),
    )
