"""The towers of inference are ruclip's encoders, on the model's own weights."""

import pytest
import torch

from tests.support.tiny_model import LONG_TITLE, TITLES
from vitrina.embedding.precision import make_inference_towers
from vitrina.model.inference_towers import ComputeTarget, ImageTower, Prefix, TextTower
from vitrina.model.linear_layers import TorchLinear
from vitrina.model.model import RuCLIP
from vitrina.model.text_input import pad
from vitrina.model.tokenize import tokenize

CPU = torch.device("cpu")
TARGET = ComputeTarget(CPU, torch.float32, TorchLinear())


@pytest.fixture
def text_tower(model: RuCLIP) -> TextTower:
    """The model's text tower in float32."""
    return TextTower(model.clip, TARGET)


def test_weights_are_shared_where_no_layout_is_asked_for(model: RuCLIP) -> None:
    """The embedding table, the largest weight of the text tower, exists once."""
    towers = make_inference_towers(model.clip, CPU, "float32")
    assert towers.prefix.__self__.tokens.data_ptr() == model.clip.token_embedding.weight.data_ptr()  # type: ignore[attr-defined]  # a bound method


@torch.inference_mode()
def test_images_embed_as_in_the_package(model: RuCLIP) -> None:
    """The given pixels are not overwritten by what is computed in place."""
    pixels = torch.randn(3, 3, model.resolution, model.resolution)
    before = pixels.clone()
    found = ImageTower(model.clip, TARGET)(pixels)
    assert torch.equal(pixels, before)
    torch.testing.assert_close(found, model.clip.encode_image(pixels), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_texts_embed_as_in_the_package(model: RuCLIP, text_tower: TextTower) -> None:
    """Without the padding to the context's length, whatever the lengths in a batch."""
    texts = [*TITLES, "", LONG_TITLE]
    ids = pad(tokenize(model.tokenizer, texts))
    expected = model.clip.encode_text(model.processor()(text=texts)["input_ids"])
    torch.testing.assert_close(text_tower(ids), expected, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_a_prefix_computed_once_changes_no_embedding(model: RuCLIP, text_tower: TextTower) -> None:
    """The same prefix serves batch after batch: nothing in it is overwritten."""
    rows = tokenize(model.tokenizer, [f"фото с {title}" for title in TITLES])
    shared = rows[0][:3]
    assert all(row[:3] == shared for row in rows)
    prefix = text_tower.prefix(tuple(shared))
    expected = text_tower(pad(rows))
    rest = pad([row[3:] for row in rows])
    for _ in range(2):
        torch.testing.assert_close(text_tower(rest, prefix), expected, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_each_text_may_have_a_prefix_of_its_own(model: RuCLIP, text_tower: TextTower) -> None:
    """Prefixes of several lengths in one batch, before the shortest text and the longest."""
    rows = tokenize(model.tokenizer, ["", "фото", TITLES[0], LONG_TITLE])
    lengths = [1, 2, 4, 30]
    prefixes = [
        text_tower.prefix(tuple(row[:length])) for row, length in zip(rows, lengths, strict=True)
    ]
    rest = pad([row[length:] for row, length in zip(rows, lengths, strict=True)])
    for _ in range(2):
        found = text_tower(rest, Prefix.of_rows(prefixes))
        torch.testing.assert_close(found, text_tower(pad(rows)), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_padding_may_pass_the_last_position(model: RuCLIP, text_tower: TextTower) -> None:
    """As where a long text after a short prefix stands beside a long prefix."""
    rows = tokenize(model.tokenizer, [LONG_TITLE, LONG_TITLE])
    prefixes = [text_tower.prefix(tuple(rows[0][:length])) for length in (1, 60)]
    rest = pad([rows[0][1:], rows[1][60:]])
    found = text_tower(rest, Prefix.of_rows(prefixes))
    torch.testing.assert_close(found, text_tower(pad(rows)), rtol=0, atol=1e-5)
