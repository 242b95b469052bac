"""Values as cells of a Markdown table."""

import re
from collections.abc import Iterable, Sequence


def escaped(text: str) -> str:
    """Plain text as Markdown that shows it as it is."""
    return re.sub(r"([\\`*_|<>\[\]])", r"\\\1", text)


def code(text: str) -> str:
    """Text as code in a cell."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}".replace("|", "\\|")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table of cells that are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(*parts: str) -> str:
    """A page that says where it comes from; empty parts are left out."""
    note = "<!-- Written by `make reference` from the code: do not edit. -->"
    first, *rest = [part.strip() for part in parts if part]
    return "\n\n".join([first, note, *rest]) + "\n"
