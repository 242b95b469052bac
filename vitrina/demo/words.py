"""The demo's Russian: titles and descriptions of goods, with adjectives that agree."""

import unicodedata
from dataclasses import dataclass
from random import Random

from vitrina.demo.assortment import BRANDS, COLOURS, KINDS, PATTERNS, PLAIN, Gender, Kind

GENDERS: tuple[Gender, ...] = ("masculine", "feminine", "neuter", "plural")
BRAND_FIRST = 0.1  # share of titles written "brand / title", as marketplaces do
COMMON_REMARKS = (
    "Хороший подарок на любой праздник.",
    "Цвет на фотографии может немного отличаться.",
    "Привезём за два-три дня.",
    "Бережно упакуем, чтобы всё доехало целым.",
)


def agree(adjective: str, gender: Gender) -> str:
    """A nominative adjective, given in the masculine, in this gender or number: синий -> синяя."""
    stem, ending = adjective[:-2], adjective[-2:]
    if ending == "ий" and stem[-1] == "н":
        endings = ("ий", "яя", "ее", "ие")
    elif stem[-1] in "гкх":
        endings = (ending, "ая", "ое", "ие")
    else:
        endings = (ending, "ая", "ое", "ые")
    return stem + endings[GENDERS.index(gender)]


@dataclass(frozen=True)
class Goods:
    """An article for sale, and phrases that name it."""

    kind: Kind
    colour: str
    pattern: str
    brand: str
    material: tuple[str, str]  # adjective, noun
    size: str

    def agreeing(self, adjective: str) -> str:
        """The adjective in the gender of the noun; an empty one stays empty."""
        return agree(adjective, self.kind.gender) if adjective else ""

    @property
    def hue(self) -> str:
        """The colour as an adjective that agrees: красная."""
        return self.agreeing(self.colour)

    @property
    def print(self) -> str:
        """The words for the pattern: в горошек, or однотонная."""
        return self.agreeing(PLAIN) if self.pattern == PLAIN else self.pattern

    @property
    def name(self) -> str:
        """The noun followed by its epithet: часы настенные."""
        return f"{self.kind.noun} {self.agreeing(self.kind.epithet)}".strip()

    def described(self, *adjectives: str) -> str:
        """The noun after adjectives, with epithet and pattern: красная кружка в горошек."""
        noun = f"{self.agreeing(self.kind.epithet)} {self.kind.noun}".strip()
        named = f"{self.print} {noun}" if self.pattern == PLAIN else f"{noun} {self.print}"
        return " ".join([*adjectives, named])


@dataclass(frozen=True)
class Listing:
    """Goods with their title and description."""

    goods: Goods
    title: str
    description: str


def draw_listing(rng: Random) -> Listing:
    """A random listing. Its title names what is seen: kind, colour and pattern."""
    kind = rng.choice(KINDS)
    goods = Goods(
        kind,
        rng.choice(list(COLOURS)),
        rng.choice(PATTERNS),
        rng.choice(BRANDS),
        rng.choice(kind.materials),
        rng.choice(kind.sizes),
    )
    return Listing(goods, _title(rng, goods), _description(rng, goods))


def _title(rng: Random, goods: Goods) -> str:
    name, hue, print_ = goods.name, goods.hue, goods.print
    stuff = goods.agreeing(goods.material[0])
    size = f"размер {goods.size}" if goods.size.isdigit() else goods.size
    title = rng.choice(
        (
            f"{name} {hue} {print_}",
            goods.described(hue),
            goods.described(hue, stuff),
            f"{name} {stuff} {hue} {print_}, {size}",
            f"{name} «{goods.brand}» {hue} {print_}, {size}",
            f"{name} {print_}, {hue}, {size}",
            f"{name} {print_}, цвет {goods.colour}, {size}",
        )
    )
    brand_first = goods.brand not in title and rng.random() < BRAND_FIRST
    return f"{goods.brand} / {_capitalized(title)}" if brand_first else _capitalized(title)


def _description(rng: Random, goods: Goods) -> str:
    kind = goods.kind
    opening = rng.choice(
        (
            f"{_capitalized(goods.described(goods.hue))} от бренда «{goods.brand}».",
            f"{_capitalized(goods.name)} {goods.print}. Цвет: {goods.colour}.",
            f"Новинка: {goods.described(goods.hue)}.",
            f"Материал: {goods.material[1]}.",
            f"{kind.measure}: {goods.size}.",
        )
    )
    remarks = [rng.choice(kind.praise), rng.choice(COMMON_REMARKS)]
    return " ".join([opening, *remarks[: rng.randint(0, 2)]])


def _capitalized(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def as_pasted(text: str, rng: Random) -> str:
    """The text as sellers paste it: with HTML, entities, invisible or decomposed characters.

    Cleaning restores the text.
    """
    way = rng.randrange(5)
    if way == 0:
        return f"<p>{text.replace('. ', '.<br>')}</p>"
    if way == 1:
        return text.replace(" ", "&nbsp;", 1).replace("«", "&laquo;").replace("»", "&raquo;")
    if way == 2:
        return text.replace(" ", "\u200b ", 2)
    if way == 3:
        return unicodedata.normalize("NFD", text)
    return f"  {text.replace('. ', '.  ')}\n"
