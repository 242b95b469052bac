"""The page of a report: complete, safe, and loading nothing from elsewhere."""

from pathlib import Path

import pytest

from tests.support.html_page import parsed
from tests.support.report import HOSTILE, report_of
from tests.support.run_results import run_results
from vitrina.reporting.html_page import html_page
from vitrina.results import StageResults


@pytest.fixture
def results(tmp_path: Path) -> StageResults:
    """The results of a run."""
    return run_results(tmp_path)


def test_the_page_loads_nothing_and_runs_nothing(results: StageResults) -> None:
    """Its images are in it, its links lead to itself, and what it shows is escaped."""
    html = html_page(report_of(results))
    page = parsed(html)
    assert all(address.startswith(("data:image/", "#")) for address in page.addresses)
    assert "script" not in page.tags
    assert "url(" not in html
    assert page.text.count(HOSTILE) == 3
    assert "0.7 &lt;all&gt;" in html


def test_the_verdict_stands_before_any_table(results: StageResults) -> None:
    """Which model embeds from now on, and the reason with its numbers."""
    html = html_page(report_of(results))
    line = "The new model was promoted: it embeds from now on."
    assert html.index(line) < html.index("Mean recall at 1 0.1 → 0.7") < html.index("<table")
    declined = results.promoted.model_copy(update={"verdict": "declined"})
    other = html_page(report_of(results.model_copy(update={"promoted": declined})))
    assert "The new model was declined: the model before goes on embedding." in other


def test_the_header_says_what_the_run_was(results: StageResults) -> None:
    """Catalogue, date, versions and the parameters that differ from the defaults."""
    text = parsed(html_page(report_of(results))).text
    for expected in (
        *("catalog.parquet", "2026-11-27 02:00 UTC", "vitrina 0.1.0", "tiny", "{title}"),
        *("train.lr", "0.001", "executor", "ray", "1,040", "of 1,050, 10 rejected", "1 min 5 s"),
    ):
        assert expected in text, expected


def test_numbers_that_round_to_nothing_have_no_sign(results: StageResults) -> None:
    """A cosine of -0.001 is 0.00, not -0.00."""
    text = parsed(html_page(report_of(results))).text
    assert "0.00" in text
    assert "-0.00" not in text


def test_the_same_report_is_the_same_page(results: StageResults) -> None:
    """To the byte, charts included."""
    assert html_page(report_of(results)) == html_page(report_of(results))


def test_the_page_is_there_in_russian(results: StageResults) -> None:
    """Headings, verdict and numbers; ids, paths and titles stay as they are."""
    html = html_page(report_of(results, "ru"))
    text = parsed(html).text
    assert '<html lang="ru">' in html
    for expected in (
        *("Новая модель принята: теперь векторы считает она.", "Этот запуск", "1\u00a0040"),
        *("recall@1, текст → фото", "0,750", "ранг 1\u00a0234", "отклонено: фото обрезано"),
    ):
        assert expected in text, expected
    assert HOSTILE in text
    assert "Held-out" not in text
