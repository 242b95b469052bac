"""The forms in which an index stores vectors."""

import numpy as np
import pytest

from tests.support.vector_run import unit_vectors
from vitrina.config.index import IndexConfig
from vitrina.errors import UserError
from vitrina.index.stored_vectors import VectorForm, cut, vector_form

VECTORS = unit_vectors(np.random.default_rng(0).standard_normal((5, 16)))


def test_cut_vectors_have_unit_length_again() -> None:
    """The first numbers in their proportions; all of them are the vectors themselves."""
    short = cut(VECTORS, 4)
    np.testing.assert_allclose(np.linalg.norm(short, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(short[:, 1] / short[:, 0], VECTORS[:, 1] / VECTORS[:, 0], rtol=1e-5)
    np.testing.assert_allclose(cut(VECTORS[2], 4), short[2], atol=1e-7)
    assert cut(VECTORS, 16) is VECTORS


def test_a_vector_without_its_first_numbers_stays_finite() -> None:
    """Zeros have no direction."""
    assert cut(np.array([[0, 0, 1]], np.float32), 2).tolist() == [[0, 0]]


def test_the_form_is_what_the_parameters_say() -> None:
    """By default the whole vectors in float32."""
    assert vector_form(IndexConfig(), 16) == VectorForm(16, "float32")
    assert vector_form(IndexConfig(), 16).is_whole(16)
    short = vector_form(IndexConfig(dim=8, storage="float16"), 16)
    assert short == VectorForm(8, "float16")
    assert not short.is_whole(16)
    assert not vector_form(IndexConfig(storage="float16"), 16).is_whole(16)
    assert short.of(VECTORS).dtype == np.float16
    np.testing.assert_allclose(short.of(VECTORS), cut(VECTORS, 8), atol=1e-3)
    assert str(short.arrow_type) == "fixed_size_list<item: halffloat>[8]"


def test_more_numbers_than_there_are_is_refused() -> None:
    """By name, with what is possible."""
    with pytest.raises(UserError, match=r"index.dim is 32, but the model's vectors have 16"):
        vector_form(IndexConfig(dim=32), 16)
