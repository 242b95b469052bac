"""The content of a report: rows, metrics, models, times and paths."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from tests.support.run_results import SECONDS, run_results
from vitrina.config.evaluation import GateConfig
from vitrina.promotion.gate import ROLLED_BACK
from vitrina.reporting.language import ENGLISH, Words
from vitrina.reporting.render import Section
from vitrina.reporting.sections import (
    compared_models,
    embeddings_section,
    index_section,
    metrics_section,
    model_section,
    other_metrics_section,
    paths_section,
    queries_section,
    ranking_section,
    reason_of,
    rows_section,
    show_sections,
    summary,
    training_section,
)
from vitrina.results import ColumnSearch, PipelineResult, QueriesResult, StageResults, TableRef


@pytest.fixture
def results(tmp_path: Path) -> StageResults:
    """The results of a run."""
    return run_results(tmp_path)


def finished(
    results: StageResults, report: str = "/store/report/key/report.html"
) -> PipelineResult:
    return PipelineResult(**dict(results), report=report)


def printed(renderable: object, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(renderable)
    return console.export_text()


def test_metrics_come_with_their_precision(results: StageResults) -> None:
    """How many products and listings were held out, and the confidence of the intervals."""
    assert metrics_section(results.evaluated).title == (
        "Held-out products: 100 with 130 listings; 95% intervals"
    )


def test_a_program_that_reads_the_output_finds_paths_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where standard output is no terminal, no line is wrapped."""
    path = "/very/long/" + "folder/" * 40
    show_sections(Section("Paths", ("", ""), [("report", path)]))
    assert path in capsys.readouterr().out


def test_rows_add_up_and_name_every_reason(results: StageResults) -> None:
    """In, each reason from the most frequent, kept."""
    assert rows_section(results.resized).rows == [
        ("in the catalogue", "1,050"),
        ("rejected: truncated image", "7"),
        ("rejected: missing title", "3"),
        ("kept", "1,040"),
    ]


def test_metrics_are_beside_chance_and_unmeasured_ones_are_left_out(
    results: StageResults,
) -> None:
    """Before, after and difference, with intervals and chance; no probe, no line."""
    section = metrics_section(results.evaluated)
    assert section.header == ("", "chance", "before", "after", "difference")
    assert section.rows == [
        (
            *("recall@1, text → image", "0.015", "0.020 (0.00–0.05)"),
            *("0.750 (0.66–0.83)", "+0.730 (+0.64 … +0.81)"),
        ),
        ("median rank, text → image", "", "20.5", "1.0", "-19.5"),
        ("category by its name alone, accuracy", "", "0.300", "0.300", "+0.000"),
    ]


def test_a_stage_that_was_left_out_has_no_section(results: StageResults) -> None:
    """Duplicates are in the report and among the paths where they were looked for."""
    whole = finished(results)
    assert "60 with 131 listings" in printed(summary(whole, SECONDS), 120)
    assert ("duplicates", "duplicates.html") in paths_section(whole).rows
    assert "7 (0.7%)" in printed(summary(whole, SECONDS), 120)
    without = whole.model_copy(update={"duplicates": None, "health": None})
    assert "Health" not in printed(summary(without, SECONDS), 120)
    assert "uplicates" not in printed(summary(without, SECONDS), 120)


def test_queries_have_a_section_and_their_number_in_the_title(results: StageResults) -> None:
    """Rows, rejected ones by reason, queries and pairs; recall of queries has no chance level."""
    queries = QueriesResult(
        table=TableRef(path="q.parquet", fingerprint="q"),
        rows_in=1_200,
        pairs=1_100,
        queries=400,
        reasons={"missing_query": 10, "unknown_listing": 90},
    )
    assert queries_section(queries).rows == [
        ("in the table", "1,200"),
        ("rejected: unknown listing", "90"),
        ("rejected: missing query", "10"),
        ("different queries", "400"),
        ("pairs of a query and a listing", "1,100"),
    ]
    recall = {"unseen_queries_recall_at_1": 0.25}
    measured = results.evaluated.model_copy(
        update={
            "before": results.evaluated.before | recall,
            "after": results.evaluated.after | recall,
            "counts": results.evaluated.counts | {"unseen_queries": 80, "gallery_rows": 1_040},
        }
    )
    section = metrics_section(measured)
    assert section.title.endswith("; 95% intervals. Unseen queries: 80, among 1,040 listings")
    assert ("unseen queries, recall@1", "", "0.250", "0.250", "+0.000") in section.rows


def test_the_decision_comes_with_its_reason(results: StageResults) -> None:
    """Promoted, declined or not to be told, and why."""
    result = finished(results)
    assert ("new model", "promoted") in model_section(result).rows
    assert ("reason", "mean recall at 1 0.1 → 0.7 <all>") in model_section(result).rows
    kept = result.promoted.model_copy(update={"verdict": "cannot tell"})
    not_promoted = model_section(result.model_copy(update={"promoted": kept}))
    assert ("new model", "cannot tell") in not_promoted.rows


def test_the_verdict_with_its_numbers_is_the_first_line(results: StageResults) -> None:
    """On the terminal, before any table."""
    result, line = finished(results), "The new model was promoted: mean recall at 1 0.1 → 0.7 <all>"
    assert printed(summary(result, SECONDS), 120).split("\n")[1].strip() == line


def test_the_model_that_embeds_comes_first(results: StageResults) -> None:
    """Promoted, it is the new model; otherwise the one before, with the new one beside it."""
    promoted = results.promoted
    assert compared_models(promoted) == {
        "the new model, which embeds": promoted.model,
        "the model before, not used": promoted.other,
    }
    declined = promoted.model_copy(update={"verdict": "declined"})
    assert list(compared_models(declined)) == [
        "the model before, which embeds",
        "the new model, not used",
    ]


def test_the_index_says_how_it_is_searched(results: StageResults) -> None:
    """Exactly or with which recall; and what the image weight was chosen by, if it was."""
    exact = dict(index_section(results.indexed).rows)
    assert exact["search"] == "exact: each listing is compared"
    assert exact["image's share in both"] == "0.4: MRR 0.500 (texts alone 0.300, images 0.200)"
    search = {"img": ColumnSearch(probes=20, refine_factor=5, recall_at_10=0.996)}
    given = results.indexed.model_copy(
        update={"approximate": search, "weight_mrr": {}, "image_weight": 0.25}
    )
    approximate = dict(index_section(given).rows)
    assert approximate["search"] == "approximate"
    assert approximate["recall@10"] == "images 0.996"
    assert approximate["image's share in both"] == "0.25"


def test_single_stages_have_sections_of_their_own(results: StageResults) -> None:
    """What train_model.py and generate_embeddings.py print when they are done."""
    training = dict(training_section(results.trained).rows)
    assert training["best epoch"] == "2 of 3"
    assert training["mean_recall"] == "0.625"
    assert training["checkpoint"] == results.trained.checkpoint
    embeddings = dict(embeddings_section(results.embedded).rows)
    assert (embeddings["rows"], embeddings["computed in this run"]) == ("1,040", "1,030")
    assert embeddings["NPZ: text, img, nm"] == "embeddings.npz"


def test_the_terminal_shows_everything_at_any_width(results: StageResults) -> None:
    """Nothing is cut off: long paths wrap."""
    result = finished(results, "/very/long/" + "folder/" * 12 + "report.html")
    for width in (60, 120):
        text = printed(summary(result, SECONDS), width)
        squeezed = re.sub(r"\s+", "", text)
        for expected in ("1,050", "truncatedimage", "0.750", "61.2s", "64.7s", result.report):
            assert expected in squeezed, expected


def test_metrics_of_ranking_stand_apart(results: StageResults) -> None:
    """On the page they come first, those of duplicates and categories below them."""
    assert [row[0] for row in ranking_section(results.evaluated).rows] == [
        *("recall@1, text → image", "median rank, text → image"),
    ]
    assert [row[0] for row in other_metrics_section(results.evaluated).rows] == [
        "category by its name alone, accuracy"
    ]


def test_the_reason_is_there_in_russian(results: StageResults) -> None:
    """In English as the history of models has it; in Russian from the numbers."""
    promoted, gate = results.promoted, GateConfig()
    assert reason_of(promoted, gate, ENGLISH) == promoted.reason
    assert reason_of(promoted, gate, Words("ru")) == (
        "средний recall@1 0,1000 → 0,7000, +0,6000 (95%-й интервал от +0,5000 до +0,7000) "
        "на отложенных товарах (100)"
    )
    rolled_back = promoted.model_copy(update={"reason": ROLLED_BACK, "verdict": "declined"})
    assert "откатывали" in reason_of(rolled_back, gate, Words("ru"))
