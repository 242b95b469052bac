"""Sample listings of each problem of a catalogue, for the report and the Prefect UI."""

import html
import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from vitrina.health.problems import Problem
from vitrina.health.samples import Sample, SampleListing

TITLES = {
    Problem.MISMATCH: "title and image do not fit",
    Problem.PLACEHOLDER: "one image under many different titles",
    Problem.CATEGORY: "looks like another category",
    Problem.SMALL_IMAGE: "small image",
    Problem.BLURRED_IMAGE: "blurred or blank image",
    Problem.DUPLICATE: "the same product listed again",
}
COMPARED = {
    Problem.MISMATCH: "a similar image",
    Problem.PLACEHOLDER: "the same image",
    Problem.DUPLICATE: "the same product",
}
MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~$-])")


def samples_html(samples: Sequence[Sample]) -> str:
    """A block for each problem: its listings with image, title, id and reason."""
    blocks = []
    for problem, group in _by_problem(samples):
        cards = "".join(
            _card(sample.listing, sample.reason)
            + (_card(sample.other, COMPARED.get(problem, "")) if sample.other else "")
            for sample in group
        )
        title = html.escape(TITLES[problem].capitalize())
        blocks.append(f'<h3>{title}</h3><div class="samples">{cards}</div>')
    return "\n".join(blocks)


def _card(listing: SampleListing, text: str) -> str:
    title = html.escape(listing.title)
    image = (
        f'<img src="{html.escape(listing.image)}" alt="{title}">'
        if listing.image
        else '<div class="missing">no image</div>'
    )
    details = html.escape(f"{listing.nm} · {text}")
    return f"<div>{image}<p>{title}<br><small>{details}</small></p></div>"


def samples_markdown(samples: Sequence[Sample]) -> str:
    """A table for each problem; titles are plain text in it, whatever they hold."""
    blocks = []
    for problem, group in _by_problem(samples):
        lines = ["| image | listing | reason |", "| --- | --- | --- |"]
        for sample in group:
            image = f"![]({sample.listing.image})" if sample.listing.image else "no image"
            listing = f"{_plain(sample.listing.nm)} {_plain(sample.listing.title)}"
            lines.append(f"| {image} | {listing} | {_plain(sample.reason)} |")
        blocks.append(f"### {TITLES[problem].capitalize()}\n\n" + "\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _plain(text: str) -> str:
    return MARKDOWN.sub(r"\\\1", html.escape(" ".join(text.split())))


def _by_problem(samples: Sequence[Sample]) -> Iterator[tuple[Problem, list[Sample]]]:
    for problem, group in groupby(samples, lambda sample: sample.problem):
        yield Problem(problem), list(group)
