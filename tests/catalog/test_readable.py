"""Values of any column as texts that a person reads."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrina.catalog.normalize import normalize_text
from vitrina.catalog.readable import is_readable, readable, readable_texts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("  Nike&amp;Co <b>x</b> ", "Nike&Co x"),
        ("nan", ""),
        (None, ""),
        (float("nan"), ""),
        (pd.NA, ""),
        (pd.NaT, ""),
        (5.0, "5"),
        ("5.0", "5"),
        (0.25, "0.25"),
        (10**20, "100000000000000000000"),
        (True, "True"),
        (["лён", None, " хлопок", 2.0], "лён, хлопок, 2"),
        (("a",), "a"),
        (np.array([1, 2]), "1, 2"),
        ([], ""),
        ('["лён", "хлопок"]', "лён, хлопок"),
        ("[]", ""),
        ("[Новинка] кружка", "[Новинка] кружка"),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_a_value_is_readable(value: object, text: str) -> None:
    """Numbers without .0, lists joined, missing values empty, texts as titles are."""
    assert readable(value) == text


@given(st.one_of(st.text(), st.floats(), st.integers(), st.lists(st.text()), st.none()))
def test_every_value_has_a_normalized_text(value: object) -> None:
    """Whatever it is; normalized again it is the same, but for a list's joined values."""
    text = readable(value)
    if not isinstance(value, list):
        assert normalize_text(text) == text


def test_a_columns_texts_keep_their_order_and_precision() -> None:
    """A float32 of 0.1 is 0.1; titles are taken as they are."""
    weights = pd.Series([0.1, 3, None], dtype="float32", name="weight")
    assert readable_texts(weights).tolist() == ["0.1", "3", ""]
    titles = pd.Series([" a  b ", "nan", None], name="title")
    assert readable_texts(titles).tolist() == ["a  b", "nan", ""]
    assert readable_texts(pd.Series([], dtype=object, name="x")).tolist() == []


def test_long_columns_are_read_in_parts() -> None:
    """In one order, with an index of one count."""
    column = pd.Series(np.arange(25_000), name="n")
    texts = readable_texts(column)
    assert texts.tolist() == list(map(str, range(25_000)))
    assert texts.index.is_unique


def test_which_types_have_a_text() -> None:
    """Texts, numbers, dates, and lists of them; neither bytes nor structs."""
    assert is_readable(pa.list_(pa.string()))
    assert is_readable(pa.dictionary(pa.int8(), pa.string()))
    assert not is_readable(pa.binary())
    assert not is_readable(pa.list_(pa.struct([("a", pa.int8())])))
    assert not is_readable(pa.map_(pa.string(), pa.string()))
