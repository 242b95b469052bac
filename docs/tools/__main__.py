"""Write the pages of ``docs/reference`` that come from the code: ``python -m docs.tools``."""

from collections.abc import Callable
from pathlib import Path

from docs.tools.commands import commands_page
from docs.tools.parameters import parameters_page
from docs.tools.python_api import python_page
from docs.tools.rejections import rejections_page
from docs.tools.results import results_page

REFERENCE = Path(__file__).parents[1] / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "parameters.md": parameters_page,
    "python.md": python_page,
    "rejections.md": rejections_page,
    "results.md": results_page,
}


def main() -> None:
    """Write all of them."""
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
