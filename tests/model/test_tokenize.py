"""Texts to ids, against the ruclip package itself."""

import pickle

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.tiny_model import LONG_TITLE, TITLES
from vitrina.model.model import RuCLIP, ruclip
from vitrina.model.text_input import pad
from vitrina.model.tokenize import EOS, TEMPLATES, Tokenizer, tokenize


def padded(model: RuCLIP, texts: list[str]) -> torch.Tensor:
    """The package's ids: always ``context_length`` long."""
    ids: torch.Tensor = model.processor()(text=texts)["input_ids"]
    return ids


@pytest.mark.parametrize(
    "text", [*TITLES, LONG_TITLE, "", "😀 smile", "a\nb\tc", "<PAD> <EOS>", "e\u0301"]
)
def test_ids_are_those_of_the_package(model: RuCLIP, text: str) -> None:
    """Without its padding, a row of ids is what RuCLIPProcessor makes of the text."""
    (row,) = tokenize(model.tokenizer, [text])
    expected = padded(model, [text])[0].tolist()
    assert row == expected[: len(row)]
    assert not any(expected[len(row) :])
    assert row[-1] == EOS


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=120))
def test_any_text_gets_the_ids_that_the_predictor_gives_it(model: RuCLIP, text: str) -> None:
    """Whatever the characters, ids are those of Predictor, which lower-cases and strips first."""
    (row,) = tokenize(model.tokenizer, [text])
    expected = padded(model, [text.lower().strip()])[0].tolist()
    assert row == expected[: len(row)]
    assert not any(expected[len(row) :])


def test_a_long_text_is_cut_but_keeps_its_end_mark(model: RuCLIP) -> None:
    """Too many tokens leave a row of exactly context_length ids that ends in eos."""
    (row,) = tokenize(model.tokenizer, [LONG_TITLE])
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


def test_templates_are_the_predictors(model: RuCLIP) -> None:
    """The six sentences are ruclip.Predictor's defaults, in order."""
    predictor = ruclip.Predictor(model.clip, model.processor(), "cpu", quiet=True)
    assert predictor.templates == list(TEMPLATES)


def test_a_tokenizer_travels_to_another_process(model: RuCLIP) -> None:
    """Its path travels, and youtokentome's encoder is opened again."""
    expected = tokenize(model.tokenizer, TITLES)  # opens the encoder here
    copy: Tokenizer = pickle.loads(pickle.dumps(model.tokenizer))
    assert "bpe" not in vars(copy)
    assert tokenize(copy, TITLES) == expected
