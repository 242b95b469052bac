"""The report as artifacts of a workflow's UI: tables, Markdown and images."""

import json
from collections.abc import Sequence

from vitrina.images.data_uri import data_uri
from vitrina.reporting.cards import CardGroup
from vitrina.reporting.content import Report
from vitrina.reporting.html_page import svg_uri
from vitrina.reporting.render import markdown, markdown_table, plain_markdown
from vitrina.reporting.ui_artifact import UiArtifact


def ui_artifacts(report: Report, sheet: bytes) -> list[UiArtifact]:
    """The parts of a report; ``sheet`` is the contact sheet as a PNG."""
    words, pictures = report.words, report.pictures
    rows, *others = report.tables
    counted = json.dumps([{rows.title: label, rows.header[1]: n} for label, n in rows.rows])
    verdict = f"**{plain_markdown(report.embeds)}** {plain_markdown(report.reason)}"
    compared = markdown(report.compared_note, report.compared)
    charts = "\n\n".join(
        f"### {caption}\n\n![{caption}]({svg_uri(svg)})"
        for caption, svg in pictures.training.items()
    )
    metrics = (
        f"{verdict}\n\n![]({svg_uri(pictures.metrics)})\n\n"
        f"{report.metrics.title}\n\n{markdown_table(report.metrics)}\n\n"
        f"### {report.other_metrics.title}\n\n{markdown_table(report.other_metrics)}\n"
    )
    found = [
        ("run", "markdown", markdown(verdict, [report.facts, report.parameters]), "This run"),
        ("rows", "table", counted, "Rows kept and rejected"),
        ("compared", "markdown", compared, "Compared with the run before"),
        ("metrics", "markdown", metrics, "Held-out metrics before and after training"),
        ("training", "markdown", charts, "Loss and recall over the steps"),
        ("contact-sheet", "image", data_uri(sheet), "Nearest images of held-out titles"),
        ("details", "markdown", markdown("", others), "All tables"),
    ]
    if pictures.vector_map:
        found.append(("map", "image", svg_uri(pictures.vector_map), "Map of the listings"))
    if pictures.rejected:
        found.append(("rejected", "markdown", cards_markdown(pictures.rejected), "Rejected images"))
    if pictures.health:
        text = cards_markdown(pictures.health)
        found.append(("health-samples", "markdown", text, "Listings that look wrong"))
    return [
        UiArtifact.model_validate(
            {"key": key, "kind": kind, "body": content, "description": words(description)}
        )
        for key, kind, content, description in found
    ]


def cards_markdown(groups: Sequence[CardGroup]) -> str:
    """A table for each group; titles are plain text in it, whatever they hold."""
    blocks = []
    for group in groups:
        lines = ["| | | |", "| --- | --- | --- |"]
        shown = (one for card in group.cards for one in (card, card.other) if one)
        for card in shown:
            image = f"![]({card.image})" if card.image else plain_markdown(card.missing)
            listing = f"{plain_markdown(card.nm)} {plain_markdown(card.title)}"
            lines.append(f"| {image} | {listing} | {plain_markdown(card.note)} |")
        count = f": {group.count}" if group.count else ""
        blocks.append(f"### {plain_markdown(group.title)}{count}\n\n" + "\n".join(lines))
    return "\n\n".join(blocks) + "\n"
