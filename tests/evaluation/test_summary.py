"""The content of evaluation.json, and warnings about metrics that cannot be trusted."""

import pandas as pd
import pytest

from tests.support.measured_shop import CONFIG
from vitrina.config.evaluation import EvaluateConfig
from vitrina.errors import UserError
from vitrina.evaluation.measurement import Measurement
from vitrina.evaluation.summary import (
    check_labels,
    evaluation,
    recall_interval,
    side_by_side,
    warn_if_few,
)
from vitrina.results import MetricIntervals


def test_evaluation_json_holds_both_models_and_what_decided_their_metrics() -> None:
    """Metrics before and after, row counts, the split, and no parameter that decides nothing."""
    before = Measurement(
        metrics={"mean_mrr": 0.1}, counts={"ranked_rows": 5}, examples=(), figures={}
    )
    after = before.model_copy(update={"metrics": {"mean_mrr": 0.7}})
    intervals = {
        "mean_mrr": MetricIntervals(before=(0, 0.2), after=(0.5, 0.9), difference=(0.4, 0.8))
    }
    content = evaluation(before, after, intervals, CONFIG)
    assert content["before"] == {"mean_mrr": 0.1}
    assert content["after"] == {"mean_mrr": 0.7}
    assert content["intervals"]["mean_mrr"]["difference"] == [0.4, 0.8]
    assert content["counts"] == {"ranked_rows": 5}
    assert content["split"] == {"validation_fraction": 0.1, "test_fraction": 0.4, "seed": 0}
    assert content["parameters"]["examples"] == 3
    assert "batch_size" not in content["parameters"]


def test_the_ranks_of_both_models_stand_side_by_side() -> None:
    """A row per held-out listing: ids, product, and both directions' ranks before and after."""
    listing = {"row": [3, 8], "nm": ["a", "b"], "product": [1, 1]}
    before = pd.DataFrame({**listing, "text_to_image_rank": [9, 5], "image_to_text_rank": [7, 6]})
    after = before.assign(text_to_image_rank=[1, 2], image_to_text_rank=[3, 4])
    assert side_by_side(before, after).to_dict("list") == {
        **listing,
        "text_to_image_rank_before": [9, 5],
        "text_to_image_rank_after": [1, 2],
        "image_to_text_rank_before": [7, 6],
        "image_to_text_rank_after": [3, 4],
    }


def test_metrics_of_few_products_come_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """1.96 standard errors of a recall of one half; silent where there are enough products."""
    assert recall_interval(100) == pytest.approx(0.098)
    warn_if_few(30)
    assert not caplog.records
    warn_if_few(4)
    assert "only 4 products are held out: recall has a 95% interval of ±0.49" in caplog.text


def test_a_label_column_that_was_set_must_be_there() -> None:
    """The default one may be missing: then there are no metrics by class."""
    check_labels(["nm", "title"], EvaluateConfig())
    check_labels(["nm", "brand"], EvaluateConfig(label_column="brand"))
    with pytest.raises(UserError, match=r"no column 'brnd' .* it has: nm, brand\. Set evaluate"):
        check_labels(["nm", "brand"], EvaluateConfig(label_column="brnd"))
