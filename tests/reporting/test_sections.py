"""The report: a table, a page that stands alone, Markdown, and images that can be read."""

import io
import json
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from tasks.report import PAGE, report
from vitrina.reporting.contact_sheet import Found, SheetRow, contact_sheet
from vitrina.reporting.render import Section, html_page, markdown
from vitrina.reporting.sections import (
    draw_training,
    metrics_section,
    rows_section,
    show_sections,
    summary,
)
from vitrina.reporting.training_curve import training_curve
from vitrina.results import (
    EmbedResult,
    EvaluateResult,
    ModelResult,
    PipelineResult,
    PromoteResult,
    ResizeResult,
    TrainResult,
)
from vitrina.store.artifacts import Store
from vitrina.store.paths import to_path
from vitrina.training.checkpoints import Progress, RunFolder

SECONDS = {"clean": 0.4, "resize": 3.0, "train": 61.25}
FIGURES = {
    "text_to_image_recall_at_1": 0.02,
    "text_to_image_median_rank": 20.5,
    "chance_recall_at_1": 0.015,
    "zero_shot_accuracy": 0.3,
}
RECORDS = [
    {"step": 0, "epoch": 0, "validation/mean_recall_at_1": 0.1},
    {"step": 5, "epoch": 1, "loss": 2.5, "lr": 1e-4},
    {"step": 10, "epoch": 1, "loss": 1.5, "lr": 5e-5},
    {"step": 10, "epoch": 1, "validation/mean_recall_at_1": 0.6},
]


@pytest.fixture
def results(tmp_path: Path) -> dict[str, object]:
    """The results of a run, with the files that a report reads."""
    folder = tmp_path / "train"
    folder.mkdir()
    lines = [json.dumps(record) for record in RECORDS]
    (folder / "metrics.jsonl").write_text("\n".join(lines))
    (tmp_path / "contact_sheet.png").write_bytes(sheet())
    model = ModelResult(folder=f"{folder}/ruclip", fingerprint="m")
    return {
        "resized": ResizeResult(
            table="t.parquet",
            csv="processed_data.csv",
            rejected="rejected.csv",
            images="p",
            fingerprint="f",
            rows_in=1_050,
            rows_kept=1_040,
            reasons={"no title": 3, "broken_image": 7},
            images_resized=1_040,
        ),
        "trained": TrainResult(
            folder=str(folder),
            model=model,
            checkpoint=f"{folder}/ruCLIP_model_epoch2.pth",
            epochs=3,
            best_epoch=2,
            metrics={},
        ),
        "evaluated": EvaluateResult(
            report=str(tmp_path / "evaluation.json"),
            before=FIGURES,
            after=FIGURES | {"text_to_image_recall_at_1": 0.75, "text_to_image_median_rank": 1},
            counts={"ranked_rows": 130, "ranked_products": 100},
        ),
        "promoted": PromoteResult(
            model=model,
            promoted=True,
            reason="mean_recall_at_1 0.7 beats <all>",
            metric="mean_recall_at_1",
            candidate=0.7,
            present=0.1,
        ),
        "embedded": EmbedResult(
            npz="embeddings.npz", parquet="e", rows=1_040, embed_dim=64, rows_embedded=1_040
        ),
    }


def sheet() -> bytes:
    image = Image.new("RGB", (60, 80), (200, 80, 30))
    found = [Found(image, place == 0, 0.9) for place in range(5)]
    return contact_sheet([SheetRow("Кружка жёлтая «Ёж»", image, 1, found)])


def printed(renderable: object, width: int = 120) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(renderable)
    return console.export_text()


class Outside(HTMLParser):
    """Collects every address that a page would load or link to."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        names = ("src", "href", "srcset", "action")
        self.addresses += [value or "" for name, value in attrs if name in names]


def test_a_figure_stands_with_what_it_rests_on(results: dict[str, object]) -> None:
    """How many products and listings were held out, and how exact a recall of so many is."""
    assert metrics_section(results["evaluated"]).title == (
        "Held-out products: 100 with 130 listings, a recall is known to ±0.10"
    )


def test_a_program_that_reads_the_output_finds_paths_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where standard output is no terminal, no line is folded."""
    path = "/very/long/" + "folder/" * 40
    show_sections(Section("Places", ("", ""), [("report", path)]))
    assert path in capsys.readouterr().out


def test_rows_add_up_and_name_every_reason(results: dict[str, object]) -> None:
    """In, each reason from the most frequent, kept."""
    assert rows_section(results["resized"]).rows == [
        ("in the catalogue", "1,050"),
        ("rejected: broken image", "7"),
        ("rejected: no title", "3"),
        ("kept", "1,040"),
    ]


def test_figures_stand_beside_chance_and_unmeasured_ones_are_left_out(
    results: dict[str, object],
) -> None:
    """Before and after, with what guessing gives for recall; no probe, no line."""
    assert metrics_section(results["evaluated"]).rows == [
        ("recall@1, text → image", "0.015", "0.020", "0.750"),
        ("median rank, text → image", "", "20.5", "1.0"),
        ("category by its name alone, accuracy", "", "0.300", "0.300"),
    ]


def test_the_terminal_shows_everything_at_any_width(results: dict[str, object]) -> None:
    """Nothing is cut off: long places fold."""
    result = PipelineResult(**results, report="/very/long/" + "folder/" * 12 + PAGE)
    for width in (60, 120):
        text = printed(summary(result, SECONDS), width)
        squeezed = re.sub(r"\s+", "", text)
        for expected in ("1,050", "brokenimage", "0.750", "61.2s", "64.7s", result.report):
            assert expected in squeezed, expected


def test_the_page_stands_alone(results: dict[str, object], tmp_path: Path) -> None:
    """It holds tables and both images, loads nothing, runs nothing, and escapes what it shows."""
    store = Store(root=str(tmp_path / "store"))
    result = report.fn(**results, seconds=SECONDS, store=store)
    page = Path(result.report).read_text()
    outside = Outside()
    outside.feed(page)
    assert len(outside.addresses) == 2
    assert all(address.startswith("data:image/png;base64,") for address in outside.addresses)
    assert "script" not in outside.tags
    assert "url(" not in page
    assert "beats &lt;all&gt;" in page
    assert "0.750" in page
    assert "ruCLIP_model_epoch2.pth" in page


def test_the_stage_is_cached_whatever_the_times(results: dict[str, object], tmp_path: Path) -> None:
    """The same results a second time: nothing is written again."""
    store = Store(root=str(tmp_path / "store"))
    first = report.fn(**results, seconds=SECONDS, store=store)
    second = report.fn(**results, seconds={"clean": 9.0}, store=store)
    assert second.name == "Cached"
    assert second.data == first


def test_markdown_tables_survive_any_cell() -> None:
    """A bar in a cell does not open a column."""
    text = markdown([Section("Rows", ("", "rows"), [("a|b", "1"), ("c", "2")])])
    lines = text.strip().splitlines()
    assert lines[0] == "## Rows"
    assert lines[2:4] == ["|  | rows |", "| --- | ---: |"]
    assert lines[4] == r"| a\|b | 1 |"


def test_a_page_without_images_or_numbers_is_a_page() -> None:
    """Parts may be missing."""
    page = html_page("Пусто", [Section("Слова", ("", ""), [("да", "нет")])], {})
    assert "<h1>Пусто</h1>" in page
    assert "<img" not in page
    assert "<thead>" not in page


@pytest.mark.parametrize("records", [RECORDS, RECORDS[1:2], RECORDS[:1], RECORDS[1:3]])
def test_a_training_of_any_length_has_a_curve(records: list[dict[str, float]]) -> None:
    """One step, no validation, validation alone: an image each time."""
    image = np.asarray(Image.open(io.BytesIO(training_curve(records))).convert("L"))
    assert image.std() > 5


def test_the_curve_is_drawn_from_the_trainings_own_file(results: dict[str, object]) -> None:
    """metrics.jsonl of the run's folder gives loss and recall."""
    assert draw_training(results["trained"]) == training_curve(RECORDS)


def test_the_mixes_of_base_and_fine_tuned_are_drawn(results: dict[str, object]) -> None:
    """Where WiSE-FT was on, the training's state has its curve: a third panel, of its values."""
    figures = [{f"mean_recall_at_{k}": k / 20 + mix / 4 for k in (1, 5, 10)} for mix in (0, 1, 2)]
    mixes = dict(zip(("1", "0.5", "0"), figures, strict=True))
    folder = Path(results["trained"].folder)
    place = RunFolder(to_path(folder), "key", {})
    without = draw_training(results["trained"])
    place.write_state(None, Progress(wise_ft_alpha=0.5, alpha_metrics=mixes))
    image = draw_training(results["trained"])
    assert image == training_curve(RECORDS, mixes)
    widths = [Image.open(io.BytesIO(one)).width for one in (without, image)]
    assert widths[1] == widths[0] * 3 / 2
    flat = {mix: dict.fromkeys(figures[0], 0.5) for mix in mixes}
    assert training_curve(RECORDS, flat) != image


def test_every_letter_of_a_russian_title_has_a_glyph() -> None:
    """The font of the contact sheet knows them; a missing one would warn and be drawn as a box."""
    image = Image.new("RGB", (40, 40))
    title = "Съешь ещё этих мягких французских булок, ЁЖ №5 «да» — 40×40 см"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        contact_sheet([SheetRow(title, image, 1, [Found(image, True, 0.5)])])


@pytest.mark.parametrize("title", ["Набор $#1$ хит", "Чехол $5_$ дёшево", "Набор 2$ + 3^$"])
def test_a_price_in_a_title_is_no_formula(title: str) -> None:
    """Between two dollar signs other texts are TeX to matplotlib, and most titles wrong TeX."""
    image = Image.new("RGB", (40, 40))
    contact_sheet([SheetRow(title, image, 1, [Found(image, True, 0.5)])])
