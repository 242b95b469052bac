"""What a browser would see of an HTML page: its text, its tags and what it would load."""

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Page:
    """The text, the number of each tag, and every address that the page would load or link to."""

    text: str = ""
    tags: Counter[str] = field(default_factory=Counter)
    addresses: list[str] = field(default_factory=list)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.tags[tag] += 1
        for name, value in attrs:
            assert not name.startswith("on"), f"{tag} has a handler {name}"
            if name in ("src", "href", "srcset", "action"):
                self.page.addresses.append(value or "")

    def handle_data(self, data: str) -> None:
        self.page.text += data


def parsed(html: str) -> Page:
    """The page as a parser sees it; fails if an element has an event handler."""
    parser = _Parser()
    parser.feed(html)
    return parser.page
