"""The gallery of a search as HTML."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from vitrina.search.gallery import gallery, thumbnail
from vitrina.search.run import Hit

EVIL = """<script>alert(1)</script>"><img src=x onerror='alert(2)'> $title ${x}"""


class Tags(HTMLParser):
    """Collects the tags of a page with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def tags(page: str) -> list[tuple[str, dict[str, str | None]]]:
    """The tags of a page."""
    parser = Tags()
    parser.feed(page)
    return parser.found


@pytest.fixture
def photo(tmp_path: Path) -> str:
    """A large image with transparency."""
    Image.new("RGBA", (900, 600), (250, 200, 0, 100)).save(tmp_path / "a.png")
    return str(tmp_path / "a.png")


def test_nothing_of_a_listing_is_markup(photo: str) -> None:
    """Titles, categories, ids and the query are texts, whatever is in them."""
    hits = [Hit(EVIL, EVIL, EVIL, photo, 0.5), Hit(7, "Кружка", None, EVIL, 0.25)]
    page = gallery(EVIL, hits, photo)
    found = tags(page)
    assert not {"script", "iframe", "link"} & {tag for tag, _ in found}
    images = [attrs for tag, attrs in found if tag == "img"]
    assert len(images) == 2
    for attrs in images:
        assert attrs.keys() == {"src", "alt"}
        assert str(attrs["src"]).startswith("data:image/jpeg;base64,")
    assert images[1]["alt"] == EVIL


def test_the_page_is_one_small_file(photo: str) -> None:
    """Thumbnails inside; nothing is loaded from elsewhere."""
    page = gallery("жёлтая кружка", [Hit(1, "Кружка", "Посуда", photo, 0.987)] * 20)
    assert len(page) < 60_000
    assert not re.search(r"https?://|url\(", page)
    assert "0.987" in page
    assert "Посуда" in page


def test_an_image_that_cannot_be_read_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A note stands in its place, and the log says how many there are."""
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff broken")
    paths = [str(tmp_path / "absent.jpg"), str(tmp_path / "bad.jpg"), "ftp://x/y.jpg"]
    page = gallery("q", [Hit(nm, "t", None, path, 0.1) for nm, path in enumerate(paths)])
    assert page.count("no image") == 3
    assert "3 of 3 images cannot be read" in caplog.text
    assert thumbnail(paths[0]) is None


def test_no_hits_are_said(tmp_path: Path) -> None:
    """The page is not simply empty."""
    assert "Nothing was found" in gallery("q", [], str(tmp_path / "absent.jpg"))
