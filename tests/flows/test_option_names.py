"""Which option an error message names."""

import pytest

from flows.option_names import with_option_names
from vitrina.config.parameters import Parameters
from vitrina.config.pipeline import PipelineConfig
from vitrina.config.scripts import (
    DataPreprocessingConfig,
    GenerateEmbeddingsConfig,
    TrainModelConfig,
)


@pytest.mark.parametrize(
    ("message", "model", "expected"),
    [
        ("Set clean.title_column.", PipelineConfig, "Set --clean.title_column."),
        ("Set clean.title_column.", DataPreprocessingConfig, "Set --title_column."),
        ("or resize.image_pattern.", DataPreprocessingConfig, "or --image_pattern."),
        ("Set train.lr above 0", TrainModelConfig, "Set --lr above 0"),
        (
            "Set embed.device and embed.precision",
            GenerateEmbeddingsConfig,
            "Set --device and --precision",
        ),
        (
            "Set clean.nm_column.",
            TrainModelConfig,
            "Set --nm_column of flows/data_preprocessing.py.",
        ),
        (
            "Set evaluate.label_column.",
            TrainModelConfig,
            "Set --evaluate.label_column of flows/pipeline.py.",
        ),
    ],
)
def test_an_error_names_the_option_of_the_script_at_hand(
    message: str, model: type[Parameters], expected: str
) -> None:
    """With its group in the pipeline, without elsewhere, and with its script where it is not."""
    assert with_option_names(message, model) == expected


@pytest.mark.parametrize(
    "message",
    [
        "clean.parquet has no column 'title'",
        "/data/train.lr is a folder",
        "--train.lr: must be above 0",
        "nothing to rename",
    ],
)
def test_what_is_no_parameter_is_left_alone(message: str) -> None:
    """File names, and options that are spelled out already."""
    assert with_option_names(message, DataPreprocessingConfig) == message
