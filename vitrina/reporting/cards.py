"""Listings to look at: an image, or what is there instead, with title, id and a note."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """A listing as it is shown."""

    title: str
    nm: str
    note: str
    image: str = ""  # a data: URI
    missing: str = ""  # what stands in place of an image
    other: "Card | None" = None  # a listing that it is compared with


@dataclass(frozen=True)
class CardGroup:
    """Listings that are shown for the same reason."""

    title: str
    cards: Sequence[Card]
    count: str = ""  # of all listings with that reason, of which the cards are a few
