"""The chart of metrics."""

import re
from pathlib import Path

from tests.support.run_results import run_results
from vitrina.reporting.language import Words
from vitrina.reporting.metrics_chart import draw_metrics


def test_measured_metrics_have_a_row_and_their_intervals_a_line(tmp_path: Path) -> None:
    """Ranks, which have another scale, are not on it; a change of a value is seen."""
    evaluated = run_results(tmp_path).evaluated
    svg = draw_metrics(evaluated).decode()
    assert re.findall(r">([^<>]*(?:recall|rank|category)[^<>]*)<", svg) == [
        *("recall@1, text → image", "category by its name"),
    ]
    assert ">before<" in svg
    after = evaluated.after | {"text_to_image_recall_at_1": 0.5}
    assert draw_metrics(evaluated.model_copy(update={"after": after})).decode() != svg
    without = draw_metrics(evaluated.model_copy(update={"intervals": {}})).decode()
    assert svg.count("stroke-width: 2.2") == 2
    assert "stroke-width: 2.2" not in without


def test_the_chart_speaks_the_reports_language(tmp_path: Path) -> None:
    """Labels and numbers of the axis."""
    svg = draw_metrics(run_results(tmp_path).evaluated, Words("ru")).decode()
    assert ">до<" in svg
    assert ">0,2<" in svg
