"""Texts to ids and embeddings, against the ruclip package itself."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vitrina.model.model import RuCLIP, load_folder, ruclip
from vitrina.model.tiny import make_tiny
from vitrina.model.tokenize import EOS, TEMPLATES, encode_text, pad, tokenize

TITLES = [
    "Красная кружка в полоску",
    "Синий чайник с узором",
    "ЖЁЛТОЕ ВЕДРО, 5 л (эмаль)",
    "Ваза «Снежинка» белая",
    "Рюкзак школьный зелёный для мальчика",
]
LONG = "кружка " * 200


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> RuCLIP:
    """A tiny real ruCLIP whose tokenizer knows the titles."""
    folder: Path = tmp_path_factory.mktemp("model")
    make_tiny([*TITLES, *TEMPLATES], folder)
    return load_folder(folder)


def padded(model: RuCLIP, texts: list[str]) -> torch.Tensor:
    """The package's ids: always ``context_length`` long."""
    ids: torch.Tensor = model.processor()(text=texts)["input_ids"]
    return ids


@pytest.mark.parametrize(
    "text", [*TITLES, LONG, "", "😀 smile", "a\nb\tc", "<PAD> <EOS>", "e\u0301"]
)
def test_ids_are_those_of_the_package(model: RuCLIP, text: str) -> None:
    """Without its padding, a row of ids is what RuCLIPProcessor makes of the text."""
    (row,) = tokenize(model.tokenizer, [text])
    expected = padded(model, [text])[0].tolist()
    assert row == expected[: len(row)]
    assert not any(expected[len(row) :])
    assert row[-1] == EOS


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=120))
def test_any_text_gets_the_ids_that_the_predictor_gives_it(model: RuCLIP, text: str) -> None:
    """Whatever the characters, ids are those of Predictor, which lower-cases and strips first."""
    (row,) = tokenize(model.tokenizer, [text])
    expected = padded(model, [text.lower().strip()])[0].tolist()
    assert row == expected[: len(row)]
    assert not any(expected[len(row) :])


def test_a_long_text_is_cut_but_keeps_its_end_mark(model: RuCLIP) -> None:
    """Too many tokens leave a row of exactly context_length ids that ends in eos."""
    (row,) = tokenize(model.tokenizer, [LONG])
    assert len(row) == model.context_length
    assert row[-1] == EOS


def test_no_texts_are_no_rows(model: RuCLIP) -> None:
    """An empty batch is an empty list."""
    assert tokenize(model.tokenizer, []) == []


def test_rows_are_padded_to_the_longest() -> None:
    """pad gives int64 ids with zeros on the right."""
    ids = pad([[2, 7, 3], [2, 3]])
    assert ids.tolist() == [[2, 7, 3], [2, 3, 0]]
    assert ids.dtype == torch.long


def test_cut_texts_embed_as_padded_ones_do(model: RuCLIP) -> None:
    """Short and long texts in one batch give the package's embeddings to float32's accuracy."""
    texts = [*TITLES, "", LONG]
    with torch.no_grad():
        ours = encode_text(model.clip, pad(tokenize(model.tokenizer, texts)))
        short = encode_text(model.clip, pad(tokenize(model.tokenizer, texts[:3])))
        reference = model.clip.encode_text(padded(model, texts))
    torch.testing.assert_close(ours, reference, rtol=0, atol=1e-5)
    torch.testing.assert_close(short, reference[:3], rtol=0, atol=1e-5)


def test_gradients_are_those_of_padded_texts(model: RuCLIP) -> None:
    """Training on cut texts moves the text tower as ruclip's own forward does."""

    def gradients(embedding: torch.Tensor) -> dict[str, torch.Tensor]:
        model.clip.zero_grad()
        embedding.square().sum().backward()
        return {
            name: parameter.grad.clone()
            for name, parameter in model.clip.named_parameters()
            if parameter.grad is not None
        }

    ours = gradients(encode_text(model.clip, pad(tokenize(model.tokenizer, TITLES))))
    reference = gradients(model.clip.encode_text(padded(model, TITLES)))
    assert ours.keys() == reference.keys()
    assert "token_embedding.weight" in ours
    for name, gradient in reference.items():
        tolerance = 1e-5 * gradient.abs().max().item()
        torch.testing.assert_close(ours[name], gradient, rtol=0, atol=tolerance, msg=name)


def test_templates_are_the_predictors(model: RuCLIP) -> None:
    """The six sentences are ruclip.Predictor's defaults, in order."""
    predictor = ruclip.Predictor(model.clip, model.processor(), "cpu", quiet=True)
    assert predictor.templates == list(TEMPLATES)
