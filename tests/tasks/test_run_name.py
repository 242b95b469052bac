"""Names of runs."""

from datetime import datetime

import pytest

from tasks.orchestration.run_name import name_of_run
from vitrina.config.pipeline import PipelineConfig

TIME = datetime(2026, 11, 27, 2, 5)


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"catalog": "s3://shop/export/catalog.parquet"}, "catalog.parquet 2026-11-27 02:05"),
        ({"catalog": ["a/x.csv", "a/y.csv"]}, "x.csv 2026-11-27 02:05"),
        ({"catalog": "exports/"}, "exports 2026-11-27 02:05"),
        ({"file_path": [], "processed_data_path": "p/t.csv"}, "t.csv 2026-11-27 02:05"),
        ({"output": "out"}, "out 2026-11-27 02:05"),
        ({}, "2026-11-27 02:05"),
    ],
)
def test_a_run_is_named_by_what_it_reads_and_when(config: dict[str, object], name: str) -> None:
    """The file or folder, without those above it; of several the first."""
    assert name_of_run({"config": config}, TIME) == name


def test_parameters_may_be_validated_already() -> None:
    """As in a run in this process."""
    config = PipelineConfig.model_validate({"catalog": "demo", "images": "demo"})
    assert name_of_run({"config": config}, TIME) == "demo 2026-11-27 02:05"


def test_a_child_keeps_the_name_that_its_parent_gave_it() -> None:
    """Of the user's catalogue, not of the file that the child reads; one that Prefect made goes."""
    reads = {"config": {"processed_data_csv": "resize/latest/processed_data.parquet"}}
    parent = "catalog.parquet 2026-11-26 23:59"
    assert name_of_run(reads, TIME, parent) == parent
    assert name_of_run(reads, TIME, "gray-fox") == "processed_data.parquet 2026-11-27 02:05"
