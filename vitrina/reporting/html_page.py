"""The report as one HTML file, which loads nothing from elsewhere."""

import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from PIL import Image, ImageOps

from vitrina.images.data_uri import data_uri, jpeg_uri
from vitrina.reporting.contact_sheet import rank_in_words
from vitrina.reporting.content import Report
from vitrina.reporting.page_sources import STYLE, TEMPLATE, page_source

THUMBNAIL = 132  # pixels
WITH_INTERVAL = re.compile(r"^(\S+) \((.+)\)$")


def html_page(report: Report) -> str:
    """The page: header, tables, charts, images."""
    environment = Environment(
        loader=PackageLoader("vitrina.reporting", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "svg": svg_uri,
        "thumbnail": thumbnail_uri,
        "number": with_interval,
        "breakable": breakable,
        "cosine": lambda cosine: report.words.number(f"{round(cosine, 2) + 0.0:.2f}"),
        "name": lambda path: path.rsplit("/", 1)[-1],
        "rank": lambda rank: rank_in_words(rank, report.words),
    }
    template = environment.get_template(TEMPLATE)
    style = Markup(page_source(STYLE))
    return template.render(report=report, words=report.words, pictures=report.pictures, style=style)


def svg_uri(svg: bytes) -> str:
    """A ``data:`` URI of an SVG."""
    return data_uri(svg, "svg+xml")


def thumbnail_uri(image: Image.Image) -> str:
    """A small JPEG of an image as a ``data:`` URI."""
    return jpeg_uri(ImageOps.contain(image.convert("RGB"), (THUMBNAIL, THUMBNAIL)))


def breakable(text: str) -> Markup:
    """A name that may be broken after a dot or an underscore, not within a word."""
    return Markup(re.sub(r"(?<=[^\W\d])([._/])(?=\w)", r"\1<wbr>", str(escape(text))))


def with_interval(cell: str) -> Markup:
    """A number with its interval below it in small type; other cells as they are."""
    found = WITH_INTERVAL.match(cell)
    if not found:
        return breakable(cell)
    return Markup("{}<small>{}</small>").format(*found.groups())
