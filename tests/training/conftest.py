"""A small catalogue, a small base model and a cache of decoded images for the training's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from tests.support.small_training import (
    HELD_OUT,
    ROWS,
    Train,
    catalogue,
    small_config,
    small_fine_tune,
    small_model,
)
from vitrina.config.training import TrainConfig
from vitrina.model.model import RuCLIP, load_folder
from vitrina.training.checkpoints import Progress
from vitrina.training.request import TrainingRequest


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """One thread: for so small a model a second one only costs time, on a busy machine much."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One cache of decoded images for all tests of this folder."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("VITRINA_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """24 rows to train on and, after them, 12 to validate on."""
    return catalogue(tmp_path_factory.mktemp("catalogue"), ROWS + HELD_OUT)


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame) -> Path:
    """The base model's ruCLIP folder."""
    folder = tmp_path_factory.mktemp("base")
    small_model(folder, table)
    return folder / "model"


@pytest.fixture(scope="session")
def model(base_folder: Path) -> RuCLIP:
    """The base model; a test that changes its weights takes its own with ``own_model``."""
    return load_folder(base_folder)


@pytest.fixture
def own_model(base_folder: Path) -> RuCLIP:
    """The base model, loaded for one test."""
    return load_folder(base_folder)


@pytest.fixture(scope="session")
def clip(base_folder: Path) -> torch.nn.Module:
    """The base model's towers, not to be changed."""
    clip: torch.nn.Module = load_folder(base_folder).clip
    return clip


@pytest.fixture
def train(table: pd.DataFrame, model: RuCLIP) -> Train:
    """A training on the first 24 rows into a folder, validated on the others; new or resumed."""

    def train(folder: Path, config: TrainConfig, **run: Any) -> Progress:
        return small_fine_tune(table[:ROWS], table[ROWS:], model, folder, config, **run)

    return train


@pytest.fixture
def request_for(
    table: pd.DataFrame, base_folder: Path, tmp_path: Path
) -> Callable[..., TrainingRequest]:
    """A request to train for one epoch on a table file, into ``out``, by changes to its config."""
    table.to_parquet(tmp_path / "table.parquet")

    def request(**changes: Any) -> TrainingRequest:
        options = {"num_epochs": 1, "validation_fraction": 0.2, "test_fraction": 0.2, **changes}
        config = small_config(**options)
        return TrainingRequest(
            table=str(tmp_path / "table.parquet"),
            model=str(base_folder),
            folder=str(tmp_path / "out"),
            inputs={"table": "t", "model": "m", "code": "c", "parameters": config.content()},
            config=config,
            project_name="test",
        )

    return request
