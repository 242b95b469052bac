"""How a report is shown: as tables on a terminal, as Markdown, and as a page that stands alone."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template

from rich.console import Console
from rich.table import Table
from rich.text import Text


def data_uri(image: bytes, kind: str = "png") -> str:
    """An image as an address that holds it."""
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


UNBROKEN = 10_000  # characters in a line

TEMPLATE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #333; background: #fff;
       max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
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
</style>
</head>
<body>
<h1>$title</h1>
<main>
$tables
</main>
$figures
</body>
</html>
""")


@dataclass(frozen=True)
class Section:
    """A small table: its title, the names of its columns, and its cells as text."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def terminal() -> Console:
    """Standard output; read by a program, its lines are as long as need be: no path is broken."""
    console = Console()
    return console if console.is_terminal else Console(width=UNBROKEN)


def terminal_table(section: Section) -> Table:
    """A section for ``rich.console.Console.print``."""
    named = any(section.header)
    title = f"\n{section.title}"
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.show_header, table.pad_edge = named, False
    for place, name in enumerate(section.header):
        number = named and place > 0
        table.add_column(
            name, justify="right" if number else "left", overflow="fold", no_wrap=number
        )
    for row in section.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def markdown(parts: Sequence[Section]) -> str:
    """The sections as Markdown tables."""
    return "\n\n".join(f"## {one.title}\n\n{_markdown_table(one)}" for one in parts) + "\n"


def _markdown_table(section: Section) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    right = "---:" if any(section.header) else "---"
    rule = line(["---"] + [right] * (len(section.header) - 1))
    return "\n".join([line(section.header), rule, *map(line, section.rows)])


def html_page(title: str, parts: Sequence[Section], images: Mapping[str, bytes]) -> str:
    """One page with the sections and the PNGs by their captions; it loads nothing from outside."""
    tables = "\n".join(_html_table(one) for one in parts)
    figures = "\n".join(
        f"<figure><figcaption>{html.escape(caption)}</figcaption>"
        f'<img src="{data_uri(png)}" alt="{html.escape(caption)}"></figure>'
        for caption, png in images.items()
    )
    return TEMPLATE.substitute(title=html.escape(title), tables=tables, figures=figures)


def _html_table(section: Section) -> str:
    def line(tag: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    named = any(section.header)
    head = f"<thead>{line('th', section.header)}</thead>" if named else ""
    body = "\n".join(line("td", row) for row in section.rows)
    kind = "numbers" if named else "words"
    return (
        f"<section><h2>{html.escape(section.title)}</h2>"
        f'<table class="{kind}">{head}<tbody>{body}</tbody></table></section>'
    )
