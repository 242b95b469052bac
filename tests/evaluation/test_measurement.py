"""The stored form of a measurement."""

import math

import pytest
from pydantic import ValidationError

from vitrina.evaluation.measurement import Example, Measurement

EXAMPLE = Example(row=3, rank=2, nearest=(7, 3), relevant=(False, True), cosine=(0.9, 0.4))


def test_a_measurement_survives_the_store() -> None:
    """What is read back from JSON equals what was measured."""
    measured = Measurement(
        metrics={"mean_mrr": 0.25}, counts={"rows": 8}, examples=(EXAMPLE,), figures={}
    )
    assert Measurement.model_validate_json(measured.model_dump_json()) == measured


def test_a_metric_that_is_no_number_is_refused() -> None:
    """NaN would lose every comparison of the gate without a word."""
    with pytest.raises(ValidationError, match="mean_mrr"):
        Measurement(metrics={"mean_mrr": math.nan}, counts={}, examples=(), figures={})
