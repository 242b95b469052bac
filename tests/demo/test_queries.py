"""What the demo's people type and click."""

from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from vitrina.catalog.normalize import normalize_text
from vitrina.demo.assortment import KINDS
from vitrina.demo.catalog import draw_catalog
from vitrina.demo.queries import (
    Offers,
    attributes,
    code,
    draw_queries,
    draw_query,
    grades,
    typed_queries,
    with_typo,
)
from vitrina.demo.query_words import COLOUR_SYNONYMS, NOUN_SYNONYMS, PATTERN_SYNONYMS, PLURALS
from vitrina.demo.words import GENDERS, Goods, draw_listing


def goods(number: int) -> Goods:
    return draw_listing(Random(number)).goods


@pytest.fixture(scope="module")
def clicks() -> pd.DataFrame:
    """The clicks in a shop of 1,500 listings."""
    offers = Offers()
    for number in range(1_500):
        offers.add(10_000 + number, goods(number))
    return pd.DataFrame(draw_queries(offers, goods, seed=0))


def test_queries_are_typed_as_people_type(clicks: pd.DataFrame) -> None:
    """Lower case, short, already normalized, of every kind, and each only once."""
    kinds = clicks.drop_duplicates("query")["query_kind"].value_counts(normalize=True)
    assert set(kinds.index) == {"plain", "attribute", "synonym", "typo"}
    assert kinds.min() > 0.05
    for text in clicks["query"].unique():
        assert text == text.lower() == normalize_text(text)
        assert 1 <= len(text.split()) <= 9
    typed = [query.text for _, query in typed_queries(1_500, goods, 0)]
    assert len(typed) == len(set(typed)) > 900


def test_a_query_asks_for_what_its_goods_are() -> None:
    """Each of the wanted attributes is the goods' own; a plain query names its kind."""
    for number in range(300):
        offered = goods(number)
        query = draw_query(offered, Random(number))
        assert query.wants.items() <= attributes(offered).items()
        if query.kind == "plain":
            noun = offered.kind.noun
            assert {noun, PLURALS.get(noun, noun)} & set(query.text.split())


def test_synonyms_are_words_that_no_title_has(clicks: pd.DataFrame) -> None:
    """So titles alone cannot teach them; every kind and colour has one."""
    assert NOUN_SYNONYMS.keys() == {kind.noun for kind in KINDS}
    titles = " ".join(draw_listing(Random(number)).title.lower() for number in range(3_000))
    stems = [noun for nouns in NOUN_SYNONYMS.values() for noun, _ in nouns]
    stems += [one[:-2] for ones in COLOUR_SYNONYMS.values() for one in ones]
    assert not [stem for stem in stems if f" {stem}" in f" {titles}" and stem != "тёмно-син"]
    assert all(gender in GENDERS for nouns in NOUN_SYNONYMS.values() for _, gender in nouns)
    assert PATTERN_SYNONYMS.keys() == {attributes(goods(n))["pattern"] for n in range(200)}
    synonyms = clicks[clicks["query_kind"] == "synonym"]["query"].unique()
    assert len(synonyms) > 100


def test_a_typo_changes_one_place() -> None:
    """A letter is left out, doubled, mistaken, or swapped with the next one."""
    text = "красная кружка"
    typos = [with_typo(text, Random(number)) for number in range(100)]
    assert len(set(typos)) > 25
    assert typos.count(text) < 10  # two equal letters were swapped
    for typed in typos:
        assert abs(len(typed) - len(text)) <= 1
        same = sum(a == b for a, b in zip(typed, text, strict=False))
        tail = sum(a == b for a, b in zip(typed[::-1], text[::-1], strict=False))
        assert same + tail >= len(text) - 2


def test_grades_are_for_the_right_kind_only() -> None:
    """3 for all that is asked, 1 for a part of it, 0 for another kind, whatever its colour."""
    columns = {
        "noun": np.array([code(one) for one in ("кружка", "кружка", "кружка", "ваза")]),
        "colour": np.array([code(one) for one in ("красный", "красный", "синий", "красный")]),
        "pattern": np.array(
            [code(one) for one in ("в горошек", "в клетку", "в полоску", "в горошек")]
        ),
    }
    wants = {"noun": "кружка", "colour": "красный", "pattern": "в горошек"}
    assert grades(wants, columns).tolist() == [3, 1, 0, 0]
    assert grades({"noun": "ваза"}, columns).tolist() == [0, 0, 0, 3]


def test_clicks_follow_fit_and_place_with_noise(clicks: pd.DataFrame) -> None:
    """What fits is clicked most, some clicks are wrong, and much that fits is not clicked."""
    by_grade: Counter[int] = Counter()
    for grade, weight in zip(clicks["grade"], clicks["weight"], strict=True):
        by_grade[grade] += weight
    total = by_grade.total()
    assert by_grade[3] > 0.6 * total
    assert 0.01 * total < by_grade[0] < 0.3 * total
    assert clicks["weight"].max() > 20
    assert clicks.groupby("query").size().between(1, 24).all()


def test_the_table_is_drawn_with_the_catalogue_and_the_same_again(tmp_path: Path) -> None:
    """Equal arguments give equal files; every id is one of the catalogue's."""
    for name in ("a", "b"):
        draw_catalog(tmp_path / name, products=60, seed=3)
    first, second = (pq.read_table(tmp_path / name / "queries.parquet") for name in ("a", "b"))
    assert first.equals(second)
    ids = set(pq.read_table(tmp_path / "a" / "catalog.parquet")["nm"].to_pylist())
    assert set(first["nm"].to_pylist()) <= ids
    assert first.num_rows > 100
