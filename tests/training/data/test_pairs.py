"""Training pairs: their products and their texts."""

import numpy as np
import pandas as pd
import pytest

from vitrina.config.text import ListingConfig
from vitrina.config.training import TrainConfig
from vitrina.errors import UserError
from vitrina.training.data.pairs import (
    columns_read,
    left_out,
    pairs_from,
    sentences,
    training_text,
)


def test_rows_are_of_one_product_by_normalized_title_or_by_image() -> None:
    """Case and spaces do not make another title; an equal image is the same product too."""
    table = pd.DataFrame(
        {
            "title": ["Платье  красное", "платье красное", "Сумка", "Чашка"],
            "image_path": ["a.jpg", "b.jpg", "c.jpg", "d.jpg"],
            "nm": [1, 2, 3, 4],
            "image_hash": ["a", "b", "c", "c"],
        }
    )
    products = pairs_from(table).products
    assert products[0, 0] == products[1, 0]
    assert products[2, 1] == products[3, 1]
    assert len(set(products[:, 0])) == 3
    assert len(set(products[:, 1])) == 3
    assert len(set(pairs_from(table.drop(columns="image_hash")).products[:, 1])) == 4


def test_sentences_that_say_nothing_are_left_out() -> None:
    """Short exclamations are no text for an image; a description of nothing else stays whole."""
    text = "Хлопок! Платье из мягкого хлопка. Очень лёгкое и удобное; носить летом."
    assert sentences(text) == ["Платье из мягкого хлопка.", "Очень лёгкое и удобное;"]
    assert sentences("Хлопок. Новое.") == ["Хлопок. Новое."]


def test_texts_follow_their_source() -> None:
    """Title, sentences of the description, or a mix of the chosen share, drawn again each time."""
    description = "Первое предложение о товаре. Второе предложение о товаре."

    def drawn(**options: object) -> list[str]:
        config = TrainConfig(**options)
        return [
            training_text("Название", description, config, np.random.default_rng(seed))
            for seed in range(400)
        ]

    assert set(drawn()) == {"Название"}
    assert set(drawn(text_source="description")) == set(sentences(description))
    titles = drawn(text_source="both", description_share=0.25).count("Название")
    assert 0.68 < titles / 400 < 0.82
    config = TrainConfig(text_source="description")
    assert training_text("Название", " ", config, np.random.default_rng(0)) == "Название"


def test_descriptions_are_read_only_where_they_are_trained_on() -> None:
    """They are the largest column of a table; a missing one is an empty text."""
    assert "description" not in columns_read(TrainConfig())
    assert "description" in columns_read(TrainConfig(text_source="both"))
    table = pd.DataFrame({"title": ["Сумка"], "image_path": ["a.jpg"], "nm": [1]})
    assert pairs_from(table).description.tolist() == [""]


def test_texts_are_made_by_the_template_of_its_columns_alone() -> None:
    """What it does not name is not read; a missing column is an error."""
    assert "brend" not in columns_read(TrainConfig())
    assert {"title", "brend"} < set(
        columns_read(TrainConfig(), ListingConfig(text="{title}. {brend}"))
    )
    table = pd.DataFrame(
        {
            "title": ["Сумка", "Чашка"],
            "brend": ["Кот", None],
            "image_path": ["a", "b"],
            "nm": [1, 2],
        }
    )
    pairs = pairs_from(table[::-1], ListingConfig(text="{title}. {brend}"))
    assert pairs.texts() == ["Чашка", "Сумка. Кот"]
    with pytest.raises(UserError, match="no column 'colour'"):
        pairs_from(table, ListingConfig(text="{colour}"))


def test_fields_are_left_out_at_random_but_never_the_title() -> None:
    """Each by itself; without them the text is that of a listing that lacks their values."""
    table = pd.DataFrame(
        {
            "title": ["Сумка"],
            "brend": ["Кот"],
            "colour": ["синий"],
            "image_path": ["a"],
            "nm": [1],
        }
    )
    pairs = pairs_from(table, ListingConfig(text="{brend}: {title}, {colour}"))
    assert pairs.text(0, {"brend"}) == "Сумка, синий"
    drawn = [
        left_out(pairs.fields.keys(), 0.25, np.random.default_rng(seed)) for seed in range(2_000)
    ]
    for column in ("brend", "colour"):
        assert 0.2 < np.mean([column in one for one in drawn]) < 0.3
    assert 0.04 < np.mean([len(one) == 2 for one in drawn]) < 0.09
    assert not any("title" in one for one in drawn)
    assert not any(left_out(["title", "brend"], 0, np.random.default_rng(0)) for _ in range(9))
