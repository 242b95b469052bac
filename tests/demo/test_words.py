"""The demo's Russian: titles and descriptions that agree, and what sellers paste."""

import re
from random import Random

import pytest

from vitrina.catalog.normalize import normalize_text
from vitrina.demo.assortment import COLOURS, KINDS, PLAIN, Gender
from vitrina.demo.words import GENDERS, agree, as_pasted, draw_listing


@pytest.mark.parametrize(
    ("masculine", "forms"),
    [
        ("красный", "красный красная красное красные"),
        ("синий", "синий синяя синее синие"),
        ("голубой", "голубой голубая голубое голубые"),
        ("шерстяной", "шерстяной шерстяная шерстяное шерстяные"),
        ("металлический", "металлический металлическая металлическое металлические"),
    ],
)
def test_adjectives_agree(masculine: str, forms: str) -> None:
    """Hard, soft and velar stems have their own endings in each gender."""
    assert [agree(masculine, gender) for gender in GENDERS] == forms.split()


def test_a_title_names_what_is_seen() -> None:
    """Each title has the kind, the colour in the right form and no other, and the pattern."""
    colour_forms = {agree(c, g): c for c in COLOURS for g in GENDERS}
    for number in range(500):
        listing = draw_listing(Random(number))
        goods, title = listing.goods, listing.title.lower()
        words = re.findall(r"\w+", title)
        assert goods.kind.noun in words
        gender: Gender = "masculine" if "цвет" in words else goods.kind.gender
        hues = [word for word in words if word in colour_forms]
        assert hues == [agree(goods.colour, gender)], title
        plain = agree(PLAIN, goods.kind.gender)
        assert (plain if goods.pattern == PLAIN else goods.pattern) in title
        assert title.count(goods.brand.lower()) <= 1
        assert listing.title[0].isupper()
        assert "  " not in title


def test_every_adjective_of_the_shop_has_an_ending_that_agree_knows() -> None:
    """A new colour or material that ``agree`` would inflect wrongly fails here."""
    for kind in KINDS:
        for adjective in [kind.epithet, *(material for material, _ in kind.materials), *COLOURS]:
            assert re.fullmatch(r"|\w+(ый|ой|[гкхн]ий)", adjective), adjective


@pytest.mark.parametrize("way", range(30))
def test_cleaning_undoes_what_sellers_paste(way: int) -> None:
    """Titles and descriptions lose markup and invisible characters, and nothing else."""
    listing = draw_listing(Random(way))
    for text in (listing.title, listing.description):
        assert normalize_text(as_pasted(text, Random(way))) == text
