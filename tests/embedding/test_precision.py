"""The precision of the towers: what is chosen, and what it keeps of the vectors."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.demo_table import processed_demo
from tests.support.predictor import TITLES
from vitrina.embedding import embedder as embedder_module
from vitrina.embedding import precision as precision_module
from vitrina.embedding.embedder import Embedder
from vitrina.embedding.precision import (
    Comparison,
    InferenceTowers,
    Precision,
    compare,
    make_inference_towers,
    random_probes,
)
from vitrina.errors import UserError
from vitrina.model import hardware
from vitrina.model.model import RuCLIP, load_folder
from vitrina.model.tiny import make_tiny

CPU = torch.device("cpu")


@pytest.mark.parametrize(("precision", "least"), [("bfloat16", 0.999), ("int8", 0.99)])
def test_lower_precision_stays_near(
    model: RuCLIP, images: list[str], precision: Precision, least: float
) -> None:
    """Other values, but nearly the same directions."""
    exact, fast = Embedder(model, CPU, 8), Embedder(model, CPU, 8, precision=precision)
    texts = (exact.texts(TITLES) * fast.texts(TITLES)).sum(axis=1)
    images = (exact.images(images) * fast.images(images)).sum(axis=1)
    assert least < texts.min() < 1 - 1e-7
    assert least < images.min() < 1 - 1e-7


def nearest(vectors: np.ndarray) -> list[set[int]]:
    """The ten rows that are nearest to each row."""
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    return [set(row) for row in np.argsort(cosines, axis=1)[:, -10:].tolist()]


@pytest.mark.slow
def test_lower_precision_finds_the_same_neighbours(tmp_path: Path) -> None:
    """Of the ten nearest of 1,000 listings nearly all stay, though random weights lie close."""
    table = processed_demo(tmp_path / "demo", 1_100).head(1_000)
    texts, paths = table["title"].tolist(), table["image_path"].tolist()
    make_tiny(texts, tmp_path / "tiny")
    model = load_folder(tmp_path / "tiny")

    def neighbours(precision: Precision) -> list[list[set[int]]]:
        embedder = Embedder(model, CPU, 16, precision=precision)
        return [nearest(embedder.texts(texts)), nearest(embedder.images(paths))]

    exact = neighbours("float32")
    for precision, least in (("bfloat16", (0.97, 0.93)), ("int8", (0.95, 0.91))):
        for ours, wanted, share in zip(neighbours(precision), exact, least, strict=True):
            assert len(ours) == 1_000
            kept = [len(own & right) / 10 for own, right in zip(ours, wanted, strict=True)]
            assert share < np.mean(kept) < 1


def test_a_comparison_sees_a_difference(model: RuCLIP) -> None:
    """Towers agree with themselves, and not with those of other weights."""
    towers = make_inference_towers(model.clip, CPU, "float32")
    half = make_inference_towers(model.clip, CPU, "bfloat16")
    other = load_folder(model.tokenizer_path.parent).clip
    torch.nn.init.normal_(other.visual.proj)
    changed, probes = make_inference_towers(other, CPU, "float32"), random_probes(model.clip)
    assert compare(towers, towers, probes, CPU).cosine == pytest.approx(1)
    assert 0.999 < compare(half, towers, probes, CPU).cosine < 1
    assert compare(changed, towers, probes, CPU).cosine < 0.9


def test_auto_is_float32_where_bfloat16_is_not_faster(model: RuCLIP) -> None:
    """On a processor without units for it, auto computes the package's own values."""
    auto, exact = Embedder(model, CPU, 8), Embedder(model, CPU, 8, precision="float32")
    np.testing.assert_array_equal(auto.texts(TITLES[:2]), exact.texts(TITLES[:2]))


def test_int8_on_a_gpu_is_refused(model: RuCLIP) -> None:
    """The message says what to use instead; no GPU is touched."""
    with pytest.raises(UserError, match=r"int8.*bfloat16"):
        make_inference_towers(model.clip, torch.device("cuda"), "int8")


@pytest.mark.parametrize(
    ("native", "cosine", "chosen"),
    [(True, 0.9995, "bfloat16"), (True, 0.9985, "float32"), (False, 0.9995, "float32")],
)
def test_auto_is_bfloat16_only_if_native_and_near(
    native: bool, cosine: float, chosen: str, model: RuCLIP, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Emulated it would be slow, and further from float32 it would be another model."""

    def measured(half: InferenceTowers, exact: InferenceTowers, *_: object) -> Comparison:
        assert native, "bfloat16 is not even tried where it is only emulated"
        assert (half.precision, exact.precision) == ("bfloat16", "float32")
        return Comparison(cosine, 2.0)

    monkeypatch.setattr(hardware, "NARROW", 0)  # the model of the tests is
    monkeypatch.setattr(precision_module, "prefers_bfloat16", lambda _device: native)
    monkeypatch.setattr(precision_module, "compare", measured)
    # "meta" stands for a GPU: nothing is computed.
    for device in (CPU, torch.device("meta")):
        assert make_inference_towers(model.clip, device).precision == chosen


def test_auto_on_a_cpu_is_chosen_by_the_user_s_own_rows(
    model: RuCLIP,
    images: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The line names the cosine on them, and the vectors are those of bfloat16 to the bit."""
    for module in (precision_module, embedder_module):
        monkeypatch.setattr(module, "prefers_bfloat16", lambda _device: True)
    monkeypatch.setattr(hardware, "NARROW", 0)  # the model of the tests is
    auto, half = Embedder(model, CPU, 8), Embedder(model, CPU, 8, precision="bfloat16")
    auto.sample(TITLES, images)
    with caplog.at_level("INFO"):
        found = auto.texts(TITLES)
    assert re.search(
        r"times as fast as float32.* vectors is (0\.99\d+|1\.0+): computing in bfloat16",
        caplog.text,
    )
    np.testing.assert_array_equal(found, half.texts(TITLES))
    assert auto.arithmetic == "cpu bfloat16"


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_arithmetic_names_device_and_precision(model: RuCLIP, precision: Precision) -> None:
    """It is stored in every shard; auto is named by what it came to."""
    assert Embedder(model, CPU, 8, precision=precision).arithmetic == f"cpu {precision}"
    assert Embedder(model, CPU, 8).arithmetic == "cpu float32"
