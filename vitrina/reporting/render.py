"""Render a report: tables on a terminal, Markdown, or a self-contained HTML page."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template

from rich.console import Console
from rich.table import Table
from rich.text import Text

NO_WRAP = 10_000  # characters per line, more than any path has

TEMPLATE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #333; background: #fff;
       max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } .headline { font-weight: 600; }
h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
main { display: flex; flex-wrap: wrap; gap: 0 3.5rem; }
table { border-collapse: collapse; }
td, th { padding: .2rem 1.2rem .2rem 0; text-align: left; vertical-align: top; }
th { font-weight: 500; color: #777; }
tbody tr { border-top: 1px solid #eee; }
.numbers td:not(:first-child), .numbers th:not(:first-child)
  { text-align: right; font-variant-numeric: tabular-nums; }
.numbers td:last-child:not(:first-child) { font-weight: 600; }
.words td:last-child { overflow-wrap: anywhere; }
figure { margin: 2rem 0; } figcaption { font-weight: 600; margin-bottom: .5rem; }
img { max-width: 100%; height: auto; }
h3 { font-size: .95rem; margin: 1.6rem 0 .4rem; }
.samples { display: flex; flex-wrap: wrap; gap: 1rem; }
.samples > div { width: 140px; overflow-wrap: anywhere; } .samples p { margin: .2rem 0; }
.samples img, .missing { width: 100%; aspect-ratio: 1; object-fit: contain; background: #f6f6f6; }
.missing { display: grid; place-items: center; color: #777; } small { color: #777; }
</style>
</head>
<body>
<h1>$title</h1>
<p class="headline">$headline</p>
<main>
$tables
</main>
$samples
$figures
</body>
</html>
""")


def data_uri(image: bytes, kind: str = "png") -> str:
    """A ``data:`` URI that contains the image."""
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


@dataclass(frozen=True)
class Section:
    """A table with a title: column names (all empty: no header row) and cells as text."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def terminal() -> Console:
    """A console on standard output; lines wrap only on a terminal, so programs read whole paths."""
    console = Console()
    return console if console.is_terminal else Console(width=NO_WRAP)


def terminal_table(section: Section) -> Table:
    """A section for ``rich.console.Console.print``.

    With a header row, all columns but the first hold numbers and are right-aligned. On a narrow
    terminal an interval wraps below its number.
    """
    has_header = any(section.header)
    title = f"\n{section.title}"
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.show_header, table.pad_edge = has_header, False
    for index, name in enumerate(section.header):
        is_number = has_header and index > 0
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in section.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def markdown(headline: str, sections: Sequence[Section]) -> str:
    """A line and the sections as Markdown tables."""
    tables = (f"## {one.title}\n\n{_markdown_table(one)}" for one in sections)
    return "\n\n".join([headline, *tables]) + "\n"


def _markdown_table(section: Section) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    alignment = "---:" if any(section.header) else "---"
    rule = line(["---"] + [alignment] * (len(section.header) - 1))
    return "\n".join([line(section.header), rule, *map(line, section.rows)])


# Five parameters: what a page is made of, in its order but for the samples.
def html_page(
    title: str,
    headline: str,
    sections: Sequence[Section],
    images: Mapping[str, bytes],
    samples: str = "",
) -> str:
    """A page with the sections and with PNGs by caption; it loads nothing from other files.

    ``samples`` is HTML that stands before the PNGs.
    """
    tables = "\n".join(_html_table(one) for one in sections)
    figures = "\n".join(
        f"<figure><figcaption>{html.escape(caption)}</figcaption>"
        f'<img src="{data_uri(png)}" alt="{html.escape(caption)}"></figure>'
        for caption, png in images.items()
    )
    return TEMPLATE.substitute(
        title=html.escape(title),
        headline=html.escape(headline),
        tables=tables,
        samples=samples,
        figures=figures,
    )


def _html_table(section: Section) -> str:
    def line(tag: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    has_header = any(section.header)
    head = f"<thead>{line('th', section.header)}</thead>" if has_header else ""
    body = "\n".join(line("td", row) for row in section.rows)
    kind = "numbers" if has_header else "words"
    return (
        f"<section><h2>{html.escape(section.title)}</h2>"
        f'<table class="{kind}">{head}<tbody>{body}</tbody></table></section>'
    )
