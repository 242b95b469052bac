"""The embedder gives ruclip.Predictor's values, whatever it does to be fast."""

import copy
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.predictor import TITLES, predictor, reference_images, reference_texts
from tests.support.tiny_model import LONG_TITLE
from vitrina.embedding.embedder import Embedder
from vitrina.embedding.precision import Precision
from vitrina.errors import UserError
from vitrina.model.model import RuCLIP
from vitrina.model.tokenize import TEMPLATES

CPU = torch.device("cpu")


def test_texts_equal_predictor(model: RuCLIP) -> None:
    """Six templates, cut and sorted texts, a shared prefix: the same vectors to 1e-5."""
    vectors = Embedder(model, CPU, 32).texts(TITLES)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, reference_texts(model, TITLES), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("texts", [TITLES[:1], [TITLES[0], LONG_TITLE]])
def test_queries_equal_predictor(model: RuCLIP, texts: list[str]) -> None:
    """One text or two go through the model in all templates at once."""
    vectors = Embedder(model, CPU, 32).texts(texts)
    np.testing.assert_allclose(vectors, reference_texts(model, texts), atol=1e-5)


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


def test_a_vector_that_is_not_finite_is_refused_by_its_input(
    model: RuCLIP, images: list[str]
) -> None:
    """Weights can overflow in the arithmetic of a device although they are finite."""
    broken = model.with_clip(copy.deepcopy(model.clip))
    broken.clip.text_projection.data.fill_(math.nan)
    broken.clip.visual.proj.data.fill_(math.inf)
    embedder = Embedder(broken, CPU, 4)
    with pytest.raises(UserError, match=r"vector of 'ваза' is not finite, computed as cpu float32"):
        embedder.texts(["Ваза"])
    with pytest.raises(UserError, match=r"vector of '.*0\.png' is not finite"):
        embedder.images(images)


def test_batch_size_changes_no_value(model: RuCLIP, images: list[str]) -> None:
    """Embedding one at a time or all at once is the same."""
    one, many = Embedder(model, CPU, 1), Embedder(model, CPU, 100)
    np.testing.assert_allclose(one.texts(TITLES), many.texts(TITLES), atol=1e-6)
    np.testing.assert_allclose(one.images(images), many.images(images), atol=1e-6)


def test_one_stream_with_prefetching_changes_no_value(model: RuCLIP, images: list[str]) -> None:
    """What a GPU does, on the CPU: large batches, and images loaded ahead in threads."""
    streams, one = Embedder(model, CPU, 3), Embedder(model, CPU, 3)
    one._uses_streams = False
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
    """Weights, requires_grad and values of the given model do not change."""
    before = {name: value.clone() for name, value in model.clip.state_dict().items()}
    expected = reference_texts(model, TITLES[:3])
    embedder = Embedder(model, CPU, 8, precision=precision)
    embedder.texts(TITLES[:3])
    embedder.images(images[:2])
    after = model.clip.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(parameter.requires_grad for parameter in model.clip.parameters())
    np.testing.assert_array_equal(reference_texts(model, TITLES[:3]), expected)


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


@pytest.mark.slow
@pytest.mark.timeout(900)  # a minute of compiling, on a machine that may be busy
def test_compiled_towers_give_the_same_values(model: RuCLIP, images: list[str]) -> None:
    """torch.compile changes the time, not the vectors."""
    plain, compiled = (Embedder(model, CPU, 8, "single", compiled=on) for on in (False, True))
    np.testing.assert_allclose(compiled.texts(TITLES[:2]), plain.texts(TITLES[:2]), atol=1e-5)
    some = images[:4]
    np.testing.assert_allclose(compiled.images(some), plain.images(some), atol=1e-5)


def _counting(embedder: Embedder) -> list[int]:
    """The number of texts of each batch that goes through the text tower."""
    seen: list[int] = []
    towers = embedder.towers

    def text(ids: torch.Tensor, prefix: object) -> torch.Tensor:
        seen.append(len(ids))
        return towers.text(ids, prefix)  # type: ignore[arg-type]  # passed on

    embedder.__dict__["towers"] = replace(towers, text=text)
    return seen
