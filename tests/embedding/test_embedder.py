"""The embedder gives ruclip.Predictor's values, whatever it does to be fast."""

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vitrina.embedding.batch_size import fastest_batch_size
from vitrina.embedding.embedder import Embedder
from vitrina.embedding.parallel import in_streams, prefetched
from vitrina.embedding.pipeline import EmbeddingPipeline
from vitrina.embedding.precision import Precision, least_cosine, make_inference_towers
from vitrina.embedding.text_batches import text_batches
from vitrina.errors import UserError
from vitrina.model.model import RuCLIP, load_folder, ruclip
from vitrina.model.tiny import make_tiny
from vitrina.model.tokenize import TEMPLATES

CPU = torch.device("cpu")
WORDS = ["платье", "красное", "синее", "хлопок", "летняя", "куртка", "тёплая", "чайник", "1.7", "л"]
TITLES = [
    "Платье красное",
    "  ПЛАТЬЕ красное ",
    "",
    "   ",
    "Ё",
    "чайник 1.7 л, фото с {} видно",
    "куртка зимняя тёплая синяя " * 40,
    "ж" * 500,
    "emoji 🙂 and latin",
    *(" ".join(WORDS[: length + 1]) for length in range(len(WORDS))),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> RuCLIP:
    """A tiny ruCLIP whose BPE knows the titles."""
    folder = tmp_path_factory.mktemp("tiny")
    make_tiny([*TITLES, *TEMPLATES], folder)
    return load_folder(folder)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Images of several sizes, none a pixel off the square, which ruclip crops at random."""
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    paths = []
    for number, size in enumerate([(64, 64), (100, 60), (60, 100), (31, 40), (300, 200), (1, 9)]):
        path = folder / f"{number}.png"
        noise = generator.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        paths.append(str(path))
    return paths


def predictor(model: RuCLIP) -> ruclip.Predictor:
    return ruclip.Predictor(model.clip, model.processor(), "cpu", bs=4, quiet=True)


@torch.no_grad()
def reference_texts(model: RuCLIP, texts: list[str]) -> np.ndarray:
    return predictor(model).get_text_latents(texts).numpy()


@torch.no_grad()
def reference_images(model: RuCLIP, paths: list[str]) -> np.ndarray:
    return predictor(model).get_image_latents([Image.open(path) for path in paths]).numpy()


def test_texts_equal_predictor(model: RuCLIP) -> None:
    """Six templates, cut and sorted texts, a shared prefix: the same vectors to 1e-5."""
    vectors = Embedder(model, CPU, 32).texts(TITLES)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, reference_texts(model, TITLES), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(st.text(max_size=60), min_size=1, max_size=6))
def test_any_texts_equal_predictor(model: RuCLIP, texts: list[str]) -> None:
    """Whatever the characters, the values are the package's."""
    texts = [text.replace("\x00", "") for text in texts]  # its tokenizer is C++ and stops there
    vectors = Embedder(model, CPU, 1).texts(texts)
    np.testing.assert_allclose(vectors, reference_texts(model, texts), atol=1e-5)


def test_images_equal_predictor(model: RuCLIP, images: list[str]) -> None:
    """Read, cropped, resized and normalised as the package does: the same vectors to 1e-5."""
    vectors = Embedder(model, CPU, 32).images(images)
    np.testing.assert_allclose(vectors, reference_images(model, images), atol=1e-5)


def test_batch_size_changes_no_value(model: RuCLIP, images: list[str]) -> None:
    """One at a time or all at once."""
    one, many = Embedder(model, CPU, 1), Embedder(model, CPU, 100)
    np.testing.assert_allclose(one.texts(TITLES), many.texts(TITLES), atol=1e-6)
    np.testing.assert_allclose(one.images(images), many.images(images), atol=1e-6)


def test_one_stream_with_prefetching_changes_no_value(model: RuCLIP, images: list[str]) -> None:
    """The way of a GPU, tried on the CPU: large passes, images loaded ahead in threads."""
    streams, one = Embedder(model, CPU, 3), Embedder(model, CPU, 3)
    one._in_streams = False
    np.testing.assert_allclose(one.texts(TITLES), streams.texts(TITLES), atol=1e-6)
    np.testing.assert_allclose(one.images(images), streams.images(images), atol=1e-6)


def test_single_template_is_the_bare_title(model: RuCLIP) -> None:
    """templates='single' equals Predictor with the one template '{}'."""
    bare = predictor(model)
    bare.templates = ["{}"]
    with torch.no_grad():
        expected = bare.get_text_latents(TITLES).numpy()
    vectors = Embedder(model, CPU, 8, "single").texts(TITLES)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_nothing_gives_empty_arrays(model: RuCLIP) -> None:
    """No texts, no images: arrays of no rows, as wide as the others."""
    embedder = Embedder(model, CPU, 8)
    assert embedder.texts([]).shape == (0, model.embed_dim)
    assert embedder.images([]).shape == (0, model.embed_dim)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_model_is_left_as_it_was(model: RuCLIP, images: list[str], precision: Precision) -> None:
    """Weights, gradients' switches, mode and values of the given model do not change."""
    before = {name: value.clone() for name, value in model.clip.state_dict().items()}
    expected = reference_texts(model, TITLES[:3])
    embedder = Embedder(model, CPU, 8, precision=precision)
    embedder.texts(TITLES[:3])
    embedder.images(images[:2])
    after = model.clip.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(parameter.requires_grad for parameter in model.clip.parameters())
    np.testing.assert_array_equal(reference_texts(model, TITLES[:3]), expected)


def test_weights_are_shared_where_no_layout_is_asked_for(model: RuCLIP) -> None:
    """The embedding table, the largest weight of the text tower, exists once."""
    towers = make_inference_towers(model.clip, CPU, "float32")
    assert towers.prefix.__self__.tokens.data_ptr() == model.clip.token_embedding.weight.data_ptr()  # type: ignore[attr-defined]  # a bound method


@pytest.mark.parametrize(("precision", "least"), [("bfloat16", 0.999), ("int8", 0.99)])
def test_lower_precision_stays_near(
    model: RuCLIP, images: list[str], precision: Precision, least: float
) -> None:
    """Not the same values, but the same directions."""
    exact, fast = Embedder(model, CPU, 8), Embedder(model, CPU, 8, precision=precision)
    texts = (exact.texts(TITLES) * fast.texts(TITLES)).sum(axis=1)
    images = (exact.images(images) * fast.images(images)).sum(axis=1)
    assert least < texts.min() < 1 - 1e-7
    assert least < images.min() < 1 - 1e-7


def test_least_cosine_sees_a_difference(model: RuCLIP) -> None:
    """Towers agree with themselves, and not with those of other weights."""
    towers = make_inference_towers(model.clip, CPU, "float32")
    half = make_inference_towers(model.clip, CPU, "bfloat16")
    other = load_folder(model.tokenizer_path.parent).clip
    torch.nn.init.normal_(other.visual.proj)
    assert least_cosine(towers, towers, model.clip, CPU) == pytest.approx(1)
    assert 0.999 < least_cosine(half, towers, model.clip, CPU) < 1
    assert least_cosine(make_inference_towers(other, CPU, "float32"), towers, model.clip, CPU) < 0.9


def test_auto_on_a_cpu_is_float32(model: RuCLIP) -> None:
    """No GPU, no loss."""
    auto, exact = Embedder(model, CPU, 8), Embedder(model, CPU, 8, precision="float32")
    np.testing.assert_array_equal(auto.texts(TITLES[:2]), exact.texts(TITLES[:2]))


def test_int8_on_a_gpu_is_refused(model: RuCLIP) -> None:
    """The message says what to use instead; no GPU is touched."""
    with pytest.raises(UserError, match=r"int8.*bfloat16"):
        make_inference_towers(model.clip, torch.device("cuda"), "int8")


def test_unreadable_image_is_named(model: RuCLIP, images: list[str], tmp_path: Path) -> None:
    """A broken or missing file fails with its name, not with a batch that is one row short."""
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 not an image")
    for path in (broken, tmp_path / "missing.jpg"):
        with pytest.raises(UserError, match=path.name):
            Embedder(model, CPU, 2).images([*images, str(path)])


def test_equal_texts_go_through_the_model_once(model: RuCLIP) -> None:
    """A thousand equal titles cost one."""
    embedder = Embedder(model, CPU, 8)
    seen = _counting(embedder)
    vectors = embedder.texts(["Платье красное", "  платье КРАСНОЕ"] * 500)
    assert sum(seen) == len(TEMPLATES)
    assert len(np.unique(vectors, axis=0)) == 1


def test_passes_keep_the_token_budget(model: RuCLIP) -> None:
    """Every text of every template is in one pass, and no pass is larger than asked for."""
    passes = list(text_batches(model, TITLES, TEMPLATES, token_budget=100))
    assert all(one.ids.numel() <= 100 or len(one.texts) == 1 for one in passes)
    assert sorted(text for one in passes for text in one.texts) == sorted(
        [*range(len(TITLES))] * len(TEMPLATES)
    )


def test_streams_leave_torch_threads_as_they_were() -> None:
    """Streams of one thread each do not slow down what runs after them."""
    before = torch.get_num_threads()
    threads = set()

    def work(number: int) -> int:
        threads.add((threading.get_ident(), torch.get_num_threads()))
        return number * 2

    assert list(in_streams(work, range(20))) == [number * 2 for number in range(20)]
    assert before == 1 or all(count == 1 for _, count in threads)
    assert torch.get_num_threads() == before


def test_prefetching_keeps_order_and_stays_flat() -> None:
    """Lists of the size asked for, in order, never more than two lists loaded and not yet used."""
    started, used, most = [], 0, 0

    def load(number: int) -> int:
        started.append(number)
        return number

    for batch in prefetched(load, range(50), 4, threads=3):
        most = max(most, len(started) - used)
        assert batch == list(range(used, used + len(batch)))
        used += len(batch)
    assert used == 50
    assert most <= 12


class FakeGPU:
    """A device that takes a second for ``best`` items or fewer, and has so much memory."""

    def __init__(self, memory: int, best: int) -> None:
        self.memory, self.best, self.seconds = memory, best, 0.0

    def run(self, size: int) -> None:
        if size > self.memory:
            raise torch.OutOfMemoryError
        self.seconds += max(size, self.best) / self.best


@pytest.mark.parametrize(("memory", "found"), [(10_000, 64), (40, 32), (5, 4)])
def test_batch_size_grows_to_the_fastest_and_shrinks_to_fit(
    memory: int, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops where more brings nothing, or where memory ends, above or below the start."""
    gpu = FakeGPU(memory, best=64)
    monkeypatch.setattr("time.perf_counter", lambda: gpu.seconds)
    assert fastest_batch_size(gpu.run, 16) == found


def test_gpu_without_room_for_one_image_says_so() -> None:
    """Nothing to halve any more."""
    with pytest.raises(torch.OutOfMemoryError, match="one image"):
        fastest_batch_size(FakeGPU(memory=0, best=64).run, 16)


@pytest.mark.slow
@pytest.mark.timeout(900)  # a minute of compiling, on a machine that may be busy
def test_compiled_towers_give_the_same_values(model: RuCLIP, images: list[str]) -> None:
    """torch.compile changes the time, not the vectors."""
    plain, compiled = (Embedder(model, CPU, 8, "single", compiled=on) for on in (False, True))
    np.testing.assert_allclose(compiled.texts(TITLES[:2]), plain.texts(TITLES[:2]), atol=1e-5)
    some = images[:4]
    np.testing.assert_allclose(compiled.images(some), plain.images(some), atol=1e-5)


def test_pipeline_embeds_a_frame(model: RuCLIP, images: list[str], tmp_path: Path) -> None:
    """EmbeddingPipeline keeps the seed's names and order: images first, then texts."""
    frame = pd.DataFrame({"title": TITLES[: len(images)], "image_path": images})
    folder = str(model.tokenizer_path.parent)
    img, text = EmbeddingPipeline(folder).get_embeddings(frame, batch_size=2)
    np.testing.assert_allclose(img, reference_images(model, images), atol=1e-5)
    np.testing.assert_allclose(text, reference_texts(model, frame["title"].tolist()), atol=1e-5)
    checkpoint = tmp_path / "tuned.pth"
    weights = {name: value * 0.9 for name, value in model.clip.state_dict().items()}
    torch.save({"model_state_dict": weights}, checkpoint)
    tuned, _ = EmbeddingPipeline(folder, str(checkpoint)).get_embeddings(frame, batch_size=2)
    assert np.abs(tuned - img).max() > 1e-3


def test_text_dataset_pairs_texts_with_images(images: list[str]) -> None:
    """A DataLoader batches it; lengths that differ are refused."""
    data = EmbeddingPipeline.TextDataset(TITLES[: len(images)], images)
    texts, paths = next(iter(torch.utils.data.DataLoader(data, batch_size=4)))
    assert list(texts) == TITLES[:4]
    assert list(paths) == images[:4]
    with pytest.raises(ValueError, match="texts for"):
        EmbeddingPipeline.TextDataset(TITLES, images)


def test_importing_the_pipeline_costs_no_torch() -> None:
    """A script's --help does not wait for it."""
    code = "import sys, vitrina.embedding.pipeline; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _counting(embedder: Embedder) -> list[int]:
    """Rows of each pass through the text tower, as they happen."""
    seen: list[int] = []
    towers = embedder.towers

    def text(ids: torch.Tensor, prefix: object) -> torch.Tensor:
        seen.append(len(ids))
        return towers.text(ids, prefix)  # type: ignore[arg-type]  # handed through

    embedder.__dict__["towers"] = replace(towers, text=text)
    return seen
