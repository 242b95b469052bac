"""Sample listings of each problem of a catalogue, for the report."""

from collections.abc import Sequence
from itertools import groupby

from vitrina.health.problems import Problem
from vitrina.health.samples import Sample, SampleListing
from vitrina.reporting.cards import Card, CardGroup
from vitrina.reporting.health_titles import COMPARED, TITLES
from vitrina.reporting.language import ENGLISH, Words


def health_cards(samples: Sequence[Sample], words: Words = ENGLISH) -> list[CardGroup]:
    """A group for each problem: its listings with image, title, id and reason."""
    groups = []
    for name, group in groupby(samples, lambda sample: sample.problem):
        problem = Problem(name)
        compared = words(COMPARED[problem]) if problem in COMPARED else ""
        cards = [
            _card(
                sample.listing,
                words.number(words(sample.reason, **sample.values)),
                words,
                _card(sample.other, compared, words) if sample.other else None,
            )
            for sample in group
        ]
        groups.append(CardGroup(words(TITLES[problem]), cards))
    return groups


def _card(listing: SampleListing, note: str, words: Words, other: Card | None = None) -> Card:
    missing = "" if listing.image else words("no image")
    return Card(listing.title, listing.nm, note, listing.image or "", missing, other)
