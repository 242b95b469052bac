"""Sections as Markdown, as HTML and on a terminal."""

import base64
import io
import re

from rich.console import Console

from vitrina.reporting.render import Section, data_uri, html_page, markdown, terminal_table


def test_markdown_tables_survive_any_cell() -> None:
    """A bar in a cell does not open a column."""
    text = markdown("first line", [Section("Rows", ("", "rows"), [("a|b", "1"), ("c", "2")])])
    lines = text.strip().splitlines()
    assert lines[:3] == ["first line", "", "## Rows"]
    assert lines[4:6] == ["|  | rows |", "| --- | ---: |"]
    assert lines[6] == r"| a\|b | 1 |"


def test_a_page_without_images_or_numbers_is_a_page() -> None:
    """Parts may be missing."""
    page = html_page("Пусто", "", [Section("Слова", ("", ""), [("да", "нет")])], {})
    assert "<h1>Пусто</h1>" in page
    assert "<img" not in page
    assert "<thead>" not in page


def test_a_page_contains_its_images() -> None:
    """Each as a data URI with its bytes, below its caption."""
    page = html_page("Отчёт", "", [], {"Кривая <loss>": b"\x89PNG"})
    (uri,) = re.findall(r'src="([^"]*)"', page)
    assert uri == data_uri(b"\x89PNG")
    assert base64.b64decode(uri.removeprefix("data:image/png;base64,")) == b"\x89PNG"
    assert "<figcaption>Кривая &lt;loss&gt;</figcaption>" in page


def test_a_terminal_shows_cells_as_they_are() -> None:
    """Square brackets in a title or a path are no markup, and a table without header has none."""
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(terminal_table(Section("Paths", ("", ""), [("report", "/store/[bold]/x")])))
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert lines == ["", "Paths", "report  /store/[bold]/x"]
