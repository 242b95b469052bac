"""The page of the benchmarks, rendered from made-up results; nothing is measured."""

import dataclasses
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import page, scale
from benchmarks.limits import image_gflop, text_gflop
from benchmarks.machine import this_machine
from benchmarks.page import markdown, write_page
from benchmarks.results import (
    Bars,
    Figure,
    Findings,
    Lines,
    Machine,
    Result,
    read_results,
    write_result,
)
from benchmarks.topics import TOPICS, select_topics
from benchmarks.workload import ARCHITECTURE
from vitrina.model.model import build

UNEXPLAINED_TOPICS = tuple(dataclasses.replace(topic, causes={}) for topic in TOPICS)
MACHINE = Machine(cpu="A core", cores=2, memory_gb=8, versions={"torch": "2.13.0"})
SPEED = Figure(name="speed-up over the baseline", values=(5.5, 6.0, 5.2), at_least=5)
MISSED = Figure(name="speed-up over pyvips", values=(0.9, 0.8, 1.2), at_least=1)
MEMORY = Figure(name="peak memory", values=(1.2,), at_most=1.3)
COUNTED = Figure(name="tokens", values=(9.5,), unit="")


@pytest.fixture(autouse=True)
def _no_causes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Topics without causes: those of the real figures do not apply to made-up ones."""
    monkeypatch.setattr(page, "TOPICS", UNEXPLAINED_TOPICS)


def result(topic: str, findings: Findings) -> Result:
    """A made-up result of a topic."""
    return Result(
        topic=topic,
        command=f"python -m benchmarks.{topic}",
        measured=datetime(2026, 1, 2, tzinfo=UTC),
        seconds=90,
        load_before=0.25,
        machine=MACHINE,
        findings=findings,
    )


RESIZE = result(
    "resize",
    Findings(
        workload="Two images.",
        figures=(SPEED, MISSED, MEMORY, COUNTED),
        bars=(
            Bars(title="Images", unit="images/s", variants={"baseline": (40.0,), "ours": (230.0,)}),
        ),
        lines=(Lines(title="Cost", x="rows", y="µs", lines={"clean": {2000: 20.0, 20000: 21.0}}),),
        rates={
            "images per second": 230.0,
            "bytes of an image": 2.5e5,
            "bytes of a resized image": 4e4,
        },
        notes=("A note.",),
    ),
)
RATES = {
    "embed": {
        "images per second": 5.0,
        "texts per second": 50.0,
        "texts per second, one template": 300.0,
        "rows per second": 4.0,
    },
    "train": {"pairs per second": 1.0},
    "fetch": {"fetched images per second": 100.0},
    "index": {
        "rows per second": 5_000.0,
        "rows per second, nothing changed": 50_000.0,
        "bytes of a row": 6_500.0,
        "rows": 100_000.0,
        "bytes of memory": 5e8,
        "bytes of memory per row": 20.0,
    },
    "duplicates": {
        "seconds": 100.0,
        "rows": 100_000.0,
        "bytes of memory": 4e8,
        "bytes of memory per row": 50.0,
    },
    "memory": {
        "rows of the largest table": 200_000.0,
        "clean: rows per second": 20_000.0,
        "clean: bytes of memory per row": 100.0,
        "clean: bytes of memory at the largest table": 2e8,
    },
}


def all_needed() -> dict[str, Result]:
    """All results that the estimate for ten million listings needs."""
    others = {
        name: result(name, Findings(workload="", rates=rates)) for name, rates in RATES.items()
    }
    return {"resize": RESIZE, **others}


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    """A stored result is read unchanged, by its topic."""
    write_result(RESIZE, tmp_path)
    assert read_results(tmp_path) == {"resize": RESIZE}


def test_a_file_with_other_fields_is_refused(tmp_path: Path) -> None:
    """Results of an older version of the format are not misread."""
    content = RESIZE.model_dump_json().replace('"seconds"', '"minutes"', 1)
    (tmp_path / "resize.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValidationError):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("figure", "met"), [(SPEED, True), (MISSED, False), (MEMORY, True), (COUNTED, None)]
)
def test_the_median_decides(figure: Figure, met: bool | None) -> None:
    """A goal is met if the median of the rounds meets it, whatever the best and the worst are."""
    assert figure.met is met


def test_the_page_shows_goal_range_and_verdict() -> None:
    """A figure has a row with goal, median, range and verdict; a variant has one with its rate."""
    text = markdown({"resize": RESIZE})
    assert "| speed-up over the baseline | ≥ 5 | 5.50 times | 5.20 to 6.00 | met |" in text
    assert "| speed-up over pyvips | ≥ 1 | 0.9 times | 0.8 to 1.20 | **missed** |" in text
    assert "| peak memory | ≤ 1.3 | 1.20 times |  | met |" in text
    assert "| tokens |  | 9.50 |  |  |" in text
    assert "| ours | 230 |  |" in text
    assert "| Resizing images | 2 | 1 |" in text
    assert "A core, 2 cores, 8 GB. torch 2.13.0." in text
    assert "Not measured yet: Fetching images from URLs, Embedding" in text


def test_a_missed_goal_is_listed_with_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cause is shown only while the figure misses its goal."""
    causes = {MISSED.name: "libvips is quick.", SPEED.name: "Not to be seen."}
    topics = [dataclasses.replace(TOPICS[0], causes=causes), *UNEXPLAINED_TOPICS[1:]]
    assert "goal ≥ 1. The cause is not known yet." in markdown({"resize": RESIZE})
    monkeypatch.setattr(page, "TOPICS", topics)
    text = markdown({"resize": RESIZE})
    line = "- Resizing images, speed-up over pyvips: 0.9 times, goal ≥ 1. libvips is quick."
    assert line in text.splitlines()
    assert "Not to be seen" not in text


def test_a_cause_without_a_figure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cause whose figure was renamed is not dropped silently."""
    topics = [
        dataclasses.replace(TOPICS[0], causes={"speed-up over vips": "Quick."}),
        *UNEXPLAINED_TOPICS[1:],
    ]
    monkeypatch.setattr(page, "TOPICS", topics)
    with pytest.raises(ValueError, match="speed-up over vips"):
        markdown({"resize": RESIZE})


def test_the_page_shows_only_existing_plots(tmp_path: Path) -> None:
    """Every plot that the page links to is written beside it and can be opened."""
    text = write_page({"resize": RESIZE}, tmp_path).read_text(encoding="utf-8")
    names = [line[2 : line.index("]")] for line in text.splitlines() if line.startswith("![")]
    assert names == ["resize-1.png", "resize-2.png"]
    for name in names:
        with Image.open(io.BytesIO((tmp_path / "benchmarks" / name).read_bytes())) as image:
            assert min(image.size) > 100


def test_results_name_their_machine() -> None:
    """Results of two machines are listed with the machine of each."""
    other = MACHINE.model_copy(update={"cpu": "Another core"})
    train = result("train", Findings(workload="")).model_copy(update={"machine": other})
    text = markdown({"resize": RESIZE, "train": train})
    assert "Resizing images: A core" in text
    assert "Training: Another core" in text


def test_a_result_without_figures_says_why() -> None:
    """A result without figures is only its text, and counts no goals."""
    text = markdown({"resize": RESIZE, "gpu": result("gpu", Findings(workload="No GPU."))})
    assert "## On a GPU\n\nNo GPU.\n\n`python" in text
    assert "| On a GPU" not in text


def test_a_gpu_is_named_with_its_machine() -> None:
    """The page names the GPU of a machine."""
    machine = MACHINE.model_copy(update={"gpu": "A big GPU"})
    text = markdown({"resize": RESIZE.model_copy(update={"machine": machine})})
    assert "A big GPU, A core, 2 cores, 8 GB" in text


def counted_gflop(work: Callable[[], object]) -> float:
    """The GFLOP that torch counts in matrix products; it cannot count a CPU's fused attention."""
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode(), sdpa_kernel(SDPBackend.MATH):
        work()
    return counter.get_total_flops() / 1e9


def test_the_limits_count_the_flop_of_the_towers() -> None:
    """The FLOP of an image and of a text are those that torch counts in ruclip's model."""
    model = build(ARCHITECTURE)
    image = counted_gflop(lambda: model.encode_image(torch.zeros(1, 3, 384, 384)))
    assert image_gflop(ARCHITECTURE, last_layer_whole=True) == pytest.approx(image, rel=1e-3)
    text = counted_gflop(lambda: model.encode_text(torch.ones(1, 77, dtype=torch.int64)))
    assert text_gflop(ARCHITECTURE, 77, last_layer_whole=True) == pytest.approx(text, rel=1e-3)


def test_ten_million_listings_are_estimated_from_the_rates() -> None:
    """Hours and memory follow from the measured rates; the bottleneck is named."""
    results = all_needed()
    rates = {name: one.findings.rates for name, one in results.items()}
    hours = scale.hours(rates)
    assert hours["resize"] == pytest.approx(10_000_000 / 230 / 3600)
    assert hours["embed, one template"] == pytest.approx(10_000_000 * (1 / 5 + 1 / 300) / 3600)
    # 390 cells of 256 listings were measured; 10 million are in the most cells that there are.
    assert hours["duplicates"] == pytest.approx(100 * 100**2 * 390 / 1024 / 3600)
    assert scale.memory(rates) == {
        "clean": pytest.approx(2e8 + 9_800_000 * 100),
        "index": pytest.approx(5e8 + 9_900_000 * 20),
        "duplicates": pytest.approx(4e8 + 9_900_000 * 50),
    }
    text = markdown(results)
    assert "The bottleneck is train, one epoch" in text
    assert "Memory is no bottleneck: clean needs the most, 1.18 GB." in text


def test_rates_of_a_busy_machine_are_marked() -> None:
    """Its rates are lower than they would be, so the hours are at most those of the page."""
    results = all_needed()
    assert "other programs" not in scale.ten_million(results)
    results["index"] = results["index"].model_copy(update={"load_before": 2.5})
    assert "at most those below: index." in scale.ten_million(results)


def test_ten_million_listings_need_all_rates() -> None:
    """Without a result nothing is estimated, and the page says what is missing."""
    missing = "fetch, embed, train, index, duplicates, memory"
    assert f"not measured yet: {missing}." in scale.ten_million({"resize": RESIZE})


def test_benchmarks_are_selected_by_name() -> None:
    """Names select benchmarks in the order of the page; no name selects all; unknown ones raise."""
    assert [topic.name for topic in select_topics(["train", "resize"])] == ["resize", "train"]
    assert select_topics([]) == list(TOPICS)
    with pytest.raises(ValueError, match="'sizing'"):
        select_topics(["sizing"])


def test_this_machine_is_described() -> None:
    """The description has cores, memory and versions."""
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.memory_gb >= 1
    assert {"Python", "torch", "prefect"} <= machine.versions.keys()
