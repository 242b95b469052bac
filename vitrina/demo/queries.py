"""What people type to find the demo shop's goods, and the listings that they click.

A query names some of what a listing is, in lower case and any order of words; some queries use
synonyms, some have a typo. The shop shows listings in the order of how well they fit, with much
noise; people look at the first ones more often, click what fits more often, and err.
"""

import zlib
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vitrina.catalog.processed_table import NM
from vitrina.demo.assortment import KINDS, PLAIN, Gender
from vitrina.demo.query_words import (
    COLOUR_SYNONYMS,
    NEIGHBOURS,
    NOUN_SYNONYMS,
    PATTERN_SYNONYMS,
    PLURALS,
)
from vitrina.demo.words import Goods, agree

ATTRIBUTES = ("noun", "colour", "pattern", "brand", "material", "size")
SEEN = ATTRIBUTES[:3]  # in the images
NOUNS = tuple(kind.noun for kind in KINDS)
MAX_QUERIES = 20_000  # one is drawn for each listing; equal ones are one query
OTHERS = 30  # listings of any kind among which a search has to find the right ones
SHOWN = 24  # listings on a page of results
POSITION_BIAS = 0.6  # a listing in place n is looked at with probability n ** -0.6
CLICK = (0.02, 0.15, 0.6)  # probability of a click on what was looked at, by GRADES
GRADES = (0, 1, 3)  # other goods; the kind and something else of what is asked; all of it
NOISE = 1.2  # of the shop's order, in grades
MAX_SEARCHES = 60  # of one query

QUERIES = "queries.parquet"
SCHEMA = pa.schema(
    {
        "query": pa.string(),
        NM: pa.int64(),
        "weight": pa.int64(),  # clicks
        "grade": pa.int64(),  # how well the listing fits: what clicks do not show
        "query_kind": pa.string(),
    }
)


@dataclass(frozen=True)
class Query:
    """What is typed, of what kind it is, and what the listing must be."""

    text: str
    kind: str  # plain, attribute, synonym or typo
    wants: Mapping[str, str]  # values by attribute, as in ``attributes``


class Offers:
    """The listings that can be clicked: their ids and a code for each attribute, 32 bytes a row."""

    def __init__(self) -> None:
        self.nm = array("q")
        self.codes = {name: array("L") for name in ATTRIBUTES}

    def add(self, nm: int, goods: Goods) -> None:
        """Add a listing."""
        self.nm.append(nm)
        for name, value in attributes(goods).items():
            self.codes[name].append(code(value))

    def columns(self) -> dict[str, npt.NDArray[np.uint64]]:
        """The codes by attribute, (listings,)."""
        return {name: np.array(values, np.uint64) for name, values in self.codes.items()}


def code(value: str) -> int:
    """A number that stands for an attribute's value."""
    return zlib.crc32(value.encode())


def attributes(goods: Goods) -> dict[str, str]:
    """What a query can ask for."""
    return {
        "noun": goods.kind.noun,
        "colour": goods.colour,
        "pattern": goods.pattern,
        "brand": goods.brand,
        "material": goods.material[0],
        "size": goods.size,
    }


def draw_queries(
    offers: Offers, goods: Callable[[int], Goods], seed: int
) -> Iterator[dict[str, object]]:
    """The rows of the table of queries: a row for each listing that a query was clicked for.

    ``goods`` gives those of a listing by its place in ``offers``.
    """
    columns = offers.columns()
    of_noun = {noun: np.flatnonzero(columns["noun"] == code(noun)) for noun in NOUNS}
    for number, query in typed_queries(len(offers.nm), goods, seed):
        random = np.random.default_rng((seed, number))
        others = random.integers(len(offers.nm), size=OTHERS)
        shown = np.unique(np.concatenate([of_noun[query.wants["noun"]], others]))
        of_shown = {name: values[shown] for name, values in columns.items()}
        for place, grade, clicks in _clicks(grades(query.wants, of_shown), random):
            yield {
                "query": query.text,
                NM: offers.nm[shown[place]],
                "weight": clicks,
                "grade": grade,
                "query_kind": query.kind,
            }


def typed_queries(
    listings: int, goods: Callable[[int], Goods], seed: int
) -> Iterator[tuple[int, Query]]:
    """The queries, each once, with their numbers; ``goods`` gives those of a listing."""
    seen: set[str] = set()
    for number in range(min(listings, MAX_QUERIES)):
        rng = Random(f"{seed}/{number}/query")
        query = draw_query(goods(rng.randrange(listings)), rng)
        if query.text not in seen:
            seen.add(query.text)
            yield number, query


def draw_query(goods: Goods, rng: Random) -> Query:
    """A query for such goods."""
    wants = {"noun": goods.kind.noun}
    found = attributes(goods)
    if rng.random() < 0.75:
        wants["colour"] = found["colour"]
    if rng.random() < 0.35:
        wants["pattern"] = found["pattern"]
    kind = rng.choices(("plain", "attribute", "synonym", "typo"), (40, 15, 30, 15))[0]
    if kind == "attribute":
        name = rng.choice(("brand", "material", "size"))
        wants[name] = found[name]
    text = _phrase(goods, wants, rng, synonyms=kind == "synonym").lower().replace("«", "")
    return Query(with_typo(text, rng) if kind == "typo" else text, kind, wants)


def _phrase(goods: Goods, wants: Mapping[str, str], rng: Random, *, synonyms: bool) -> str:
    noun, gender = goods.kind.noun, goods.kind.gender
    replaced = rng.choice([name for name in SEEN if name in wants]) if synonyms else ""
    if replaced == "noun":
        noun, gender = rng.choice(NOUN_SYNONYMS[noun])
    elif noun in PLURALS and rng.random() < 0.25:
        noun, gender = PLURALS[noun], "plural"
    words = [noun]
    if "colour" in wants:
        colour = wants["colour"]
        words.append(
            agree(rng.choice(COLOUR_SYNONYMS[colour]) if replaced == "colour" else colour, gender)
        )
    if "pattern" in wants:
        words.append(_pattern(wants["pattern"], gender, rng, synonym=replaced == "pattern"))
    if "material" in wants:
        words.append(agree(wants["material"], gender))
    words += [wants[name] for name in ("brand", "size") if name in wants]
    if rng.random() < 0.6:
        rng.shuffle(words)
    return " ".join(words)


def _pattern(pattern: str, gender: Gender, rng: Random, *, synonym: bool) -> str:
    words = rng.choice(PATTERN_SYNONYMS[pattern]) if synonym else pattern
    is_adjective = words == PLAIN or words.endswith(("ый", "ий"))
    return agree(words, gender) if is_adjective else words


def with_typo(text: str, rng: Random) -> str:
    """The text with a letter of one of its longer words left out, doubled, swapped or mistaken."""
    places = [place for place in range(1, len(text) - 1) if text[place - 1 : place + 2].isalpha()]
    place = rng.choice(places)
    before, letter, after = text[:place], text[place], text[place + 1 :]
    mistaken = (
        "",
        letter * 2,
        after[0] + letter,
        NEIGHBOURS.get(letter, letter * 2),
    )
    way = rng.randrange(len(mistaken))
    return before + mistaken[way] + (after[1:] if way == 2 else after)


def _clicks(
    grade: npt.NDArray[np.int64], random: np.random.Generator
) -> Iterator[tuple[int, int, int]]:
    """Place, grade and number of clicks of each listing that is clicked."""
    order = np.argsort(-(grade + random.gumbel(0, NOISE, len(grade))), kind="stable")[:SHOWN]
    looked_at = np.arange(1, len(order) + 1) ** -POSITION_BIAS
    chance = np.array(CLICK)[np.searchsorted(GRADES, grade[order])]
    searches = min(1 + int(3 * random.pareto(1.1)), MAX_SEARCHES)
    clicks = random.binomial(searches, looked_at * chance)
    for place, count in zip(order.tolist(), clicks.tolist(), strict=True):
        if count:
            yield place, int(grade[place]), count


def grades(
    wants: Mapping[str, str], columns: Mapping[str, npt.NDArray[np.uint64]]
) -> npt.NDArray[np.int64]:
    """How well each listing fits, one of GRADES, int64 (listings,)."""
    right_noun = columns["noun"] == code(wants["noun"])
    others = [columns[name] == code(value) for name, value in wants.items() if name != "noun"]
    fitting = np.sum(others, axis=0) if others else np.zeros(len(right_noun), np.int64)
    grade = np.where(fitting == len(others), 3, np.where(fitting > 0, 1, 0))
    return np.where(right_noun, grade, 0).astype(np.int64)
