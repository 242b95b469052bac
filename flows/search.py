"""Search the listings of a finished run by words, by an image, or by another listing.

    python flows/search.py "жёлтая кружка" --output output --top 5
    python flows/search.py --image photo.jpg --by image --where category=Посуда
    python flows/search.py --like 1234567 --html gallery.html

It opens the latest run in the output folder, and asks the model that embedded it.
"""

import json
import sys
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from flows.command import Command
from flows.main import script
from flows.run import run as run_command
from vitrina.config.search import SearchConfig
from vitrina.errors import UserError
from vitrina.onnx_export.folder import open_encoder
from vitrina.reporting.render import terminal
from vitrina.search.gallery import gallery
from vitrina.search.run import Hit, Run, open_run
from vitrina.store.files import check_writable, write_bytes
from vitrina.store.paths import is_local, to_path


def search(config: SearchConfig) -> list[Hit]:
    """Print the listings found, write the gallery, and return the listings.

    A plain function, not a flow: no Prefect server starts for a question.
    """
    encoder = open_encoder(config.onnx) if config.onnx and not config.like else None
    # Exact: importing LanceDB takes longer than to answer a single question without it.
    run = open_run(config.output, config.device, exact=True, encoder=encoder)
    hits = find(run, config)
    show(run, hits, config)
    if config.html:
        page = gallery(title(run, config), hits, query_image(run, config))
        write_bytes(to_path(config.html), page.encode())
    return hits


def check(config: SearchConfig) -> None:
    """Raise UserError if the gallery cannot be written, before anything is loaded."""
    if not config.html:
        return
    path = to_path(config.html)
    if is_local(path) and path.is_dir():
        raise UserError(
            f"{path} is a folder: give --html the name of a file, such as gallery.html."
        )
    check_writable(path.parent)


def find(run: Run, config: SearchConfig) -> list[Hit]:
    """The listings nearest to what is asked for."""
    filters = config.filters()
    if config.like:
        return run.similar(config.like, k=config.top, by=config.by, where=filters)
    if config.image:
        return run.search(image=config.image, k=config.top, by=config.by, where=filters)
    return run.search(config.query, k=config.top, by=config.by, where=filters)


def title(run: Run, config: SearchConfig) -> str:
    """What was asked for, in a line."""
    if config.like:
        return f"Like {run.listing(config.like).title}"
    return config.image.rsplit("/", 1)[-1] or config.query


def query_image(run: Run, config: SearchConfig) -> str | None:
    """The image that was asked for, if it was one."""
    return run.listing(config.like).image_path if config.like else config.image or None


def show(run: Run, hits: list[Hit], config: SearchConfig) -> None:
    """Print the listings as a table or as lines of JSON; why there are none, on standard error."""
    if not hits:
        print(f"Nothing was found. {hint(run, config)}".strip(), file=sys.stderr)
    elif config.as_json:
        for hit in hits:
            print(json.dumps(asdict(hit), ensure_ascii=False))
    else:
        terminal().print(table(hits))


def table(hits: list[Hit]) -> Table:
    """A row for each listing; titles fold so that ids and paths can be copied whole."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("score", justify="right", no_wrap=True)
    shown.add_column("nm", no_wrap=True)
    for name in ("title", "category", "image"):
        shown.add_column(name, overflow="fold")
    for hit in hits:
        cells = (f"{hit.score:.3f}", str(hit.nm), hit.title, hit.category or "", hit.image_path)
        shown.add_row(*map(Text, cells))
    return shown


def hint(run: Run, config: SearchConfig) -> str:
    """Values of the filtered columns that look like those that were asked for."""
    near = {
        column: run.listings.near_values(column, value)
        for column, values in config.filters().items()
        for value in values
    }
    return " ".join(
        f"Values of {column} like that: {', '.join(values)}."
        for column, values in near.items()
        if values
    )


def main(config: SearchConfig) -> None:
    """Search, and show what was found."""
    run_command(search, config, check)


COMMAND = Command(SearchConfig, __doc__, main)

if __name__ == "__main__":
    script("flows.search")
