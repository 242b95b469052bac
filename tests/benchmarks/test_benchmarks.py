"""The page of the benchmarks, from made-up results: nothing is measured here."""

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
from benchmarks.topics import TOPICS, chosen
from benchmarks.workload import ARCHITECTURE
from vitrina.model.model import build

PLAIN_TOPICS = tuple(dataclasses.replace(topic, causes={}) for topic in TOPICS)
MACHINE = Machine(cpu="A core", cores=2, memory_gb=8, versions={"torch": "2.13.0"})
SPEED = Figure(name="ours to plain", values=(5.5, 6.0, 5.2), at_least=5)
SHORT = Figure(name="ours to pyvips", values=(0.9, 0.8, 1.2), at_least=1)
MEMORY = Figure(name="peak memory", values=(1.2,), at_most=1.3)
COUNTED = Figure(name="tokens", values=(9.5,), unit="")


@pytest.fixture(autouse=True)
def _no_causes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The causes of real figures are none of made-up ones."""
    monkeypatch.setattr(page, "TOPICS", PLAIN_TOPICS)


def result(topic: str, findings: Findings) -> Result:
    """A result of a topic as if it had been measured."""
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
        load="Two images.",
        figures=(SPEED, SHORT, MEMORY, COUNTED),
        bars=(Bars(title="Images", unit="images/s", ways={"plain": (40.0,), "ours": (230.0,)}),),
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
    "memory": {
        "rows of the largest table": 200_000.0,
        "clean: rows per second": 20_000.0,
        "clean: bytes of memory per row": 100.0,
        "clean: bytes of memory at the largest table": 2e8,
    },
}


def all_needed() -> dict[str, Result]:
    """Results from which ten million listings can be reckoned."""
    others = {name: result(name, Findings(load="", rates=rates)) for name, rates in RATES.items()}
    return {"resize": RESIZE, **others}


def test_a_result_comes_back_as_written(tmp_path: Path) -> None:
    """A result is the same after its file is read, and found by its topic."""
    write_result(RESIZE, tmp_path)
    assert read_results(tmp_path) == {"resize": RESIZE}


def test_a_file_of_another_shape_is_refused(tmp_path: Path) -> None:
    """Results of an older shape are not read as if they were of this one."""
    content = RESIZE.model_dump_json().replace('"seconds"', '"minutes"', 1)
    (tmp_path / "resize.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValidationError):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("figure", "met"), [(SPEED, True), (SHORT, False), (MEMORY, True), (COUNTED, None)]
)
def test_the_median_decides(figure: Figure, met: bool | None) -> None:
    """A goal is met by the middle round, whatever the best and the worst are."""
    assert figure.met is met


def test_the_page_tells_goal_spread_and_verdict() -> None:
    """Each figure is a line with its goal, median, spread and verdict; a rate is one of a way."""
    text = markdown({"resize": RESIZE})
    assert "| ours to plain | ≥ 5 | 5.50 times | 5.20 to 6.00 | met |" in text
    assert "| ours to pyvips | ≥ 1 | 0.9 times | 0.8 to 1.20 | **short** |" in text
    assert "| peak memory | ≤ 1.3 | 1.20 times |  | met |" in text
    assert "| tokens |  | 9.50 |  |  |" in text
    assert "| ours | 230 |  |" in text
    assert "| Resizing images | 2 | 1 |" in text
    assert "A core, 2 cores, 8 GB. torch 2.13.0." in text
    assert "Not measured yet: Embedding, Training" in text


def test_a_short_figure_is_listed_with_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cause is shown while the figure is short, never for one that is met."""
    causes = {SHORT.name: "libvips is quick.", SPEED.name: "Not to be seen."}
    topics = [dataclasses.replace(TOPICS[0], causes=causes), *PLAIN_TOPICS[1:]]
    assert "goal ≥ 1. The cause is not known yet." in markdown({"resize": RESIZE})
    monkeypatch.setattr(page, "TOPICS", topics)
    text = markdown({"resize": RESIZE})
    line = "- Resizing images, ours to pyvips: 0.9 times, goal ≥ 1. libvips is quick."
    assert line in text.splitlines()
    assert "Not to be seen" not in text


def test_a_cause_of_no_figure_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cause whose figure was renamed is not lost in silence."""
    topics = [dataclasses.replace(TOPICS[0], causes={"ours to vips": "Quick."}), *PLAIN_TOPICS[1:]]
    monkeypatch.setattr(page, "TOPICS", topics)
    with pytest.raises(ValueError, match="ours to vips"):
        markdown({"resize": RESIZE})


def test_the_page_shows_plots_that_are_there(tmp_path: Path) -> None:
    """Every image that the page names is written beside it and can be opened."""
    text = write_page({"resize": RESIZE}, tmp_path).read_text(encoding="utf-8")
    names = [line[2 : line.index("]")] for line in text.splitlines() if line.startswith("![")]
    assert names == ["resize-1.png", "resize-2.png"]
    for name in names:
        with Image.open(io.BytesIO((tmp_path / "benchmarks" / name).read_bytes())) as image:
            assert min(image.size) > 100


def test_what_was_measured_elsewhere_says_so() -> None:
    """Results of two machines are told apart."""
    other = MACHINE.model_copy(update={"cpu": "Another core"})
    train = result("train", Findings(load="")).model_copy(update={"machine": other})
    text = markdown({"resize": RESIZE, "train": train})
    assert "Resizing images: A core" in text
    assert "Training: Another core" in text


def test_what_could_not_be_measured_says_why() -> None:
    """A result without figures is its words alone, and no goal is counted for it."""
    text = markdown({"resize": RESIZE, "gpu": result("gpu", Findings(load="No GPU."))})
    assert "## On a GPU\n\nNo GPU.\n\n`python" in text
    assert "| On a GPU" not in text


def test_a_gpu_is_named_with_its_machine() -> None:
    """A figure of a GPU is of that one."""
    machine = MACHINE.model_copy(update={"gpu": "A big GPU"})
    text = markdown({"resize": RESIZE.model_copy(update={"machine": machine})})
    assert "A big GPU, A core, 2 cores, 8 GB" in text


def counted_gflop(work: Callable[[], object]) -> float:
    """What torch counts in matrix products; the fused attention of a CPU it does not count."""
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode(), sdpa_kernel(SDPBackend.MATH):
        work()
    return counter.get_total_flops() / 1e9


def test_the_limits_count_what_the_towers_multiply() -> None:
    """FLOP of an image and of a text are those of the package's own model."""
    model = build(ARCHITECTURE)
    image = counted_gflop(lambda: model.encode_image(torch.zeros(1, 3, 384, 384)))
    assert image_gflop(ARCHITECTURE, last_layer_whole=True) == pytest.approx(image, rel=1e-3)
    text = counted_gflop(lambda: model.encode_text(torch.ones(1, 77, dtype=torch.int64)))
    assert text_gflop(ARCHITECTURE, 77, last_layer_whole=True) == pytest.approx(text, rel=1e-3)


def test_ten_million_listings_follow_from_the_rates() -> None:
    """Hours and memory are the measured rates times the rows; the slowest stage is named."""
    results = all_needed()
    rates = {name: one.findings.rates for name, one in results.items()}
    hours = scale.hours(rates)
    assert hours["resize"] == pytest.approx(10_000_000 / 230 / 3600)
    assert hours["embed, one template"] == pytest.approx(10_000_000 * (1 / 5 + 1 / 300) / 3600)
    assert scale.memory(rates) == {"clean": pytest.approx(2e8 + 9_800_000 * 100)}
    text = markdown(results)
    assert "The narrowest place is train, one epoch" in text
    assert "Memory is not: the most, 1.18 GB, would be held by clean." in text


def test_ten_million_listings_wait_for_their_rates() -> None:
    """Without a result nothing is reckoned, and it is said what is missing."""
    assert "not there yet: embed, train, memory." in scale.ten_million({"resize": RESIZE})


def test_benchmarks_are_chosen_by_name() -> None:
    """Some by name, in their own order; all without a name; an unknown name is refused."""
    assert [topic.name for topic in chosen(["train", "resize"])] == ["resize", "train"]
    assert chosen([]) == list(TOPICS)
    with pytest.raises(ValueError, match="'sizing'"):
        chosen(["sizing"])


def test_this_machine_is_described() -> None:
    """Cores, memory and versions are those of the machine that runs."""
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.memory_gb >= 1
    assert {"Python", "torch", "prefect"} <= machine.versions.keys()
