"""The template and the style of the page, which decide it besides the code."""

from importlib.resources import files

TEMPLATE, STYLE = "report.html.j2", "style.css"


def page_source(name: str) -> str:
    """The text of a file of the page."""
    return (files("vitrina.reporting") / "page" / name).read_text("utf-8")


def page_sources() -> str:
    """The texts of all files of the page."""
    return "\n".join(map(page_source, (TEMPLATE, STYLE)))
