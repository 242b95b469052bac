"""Look at a catalogue and its images, and propose the parameters of a run.

    vitrina inspect export.csv --images photos
    vitrina inspect 's3://shop/parts/*.parquet' --images s3://shop/photos --yaml shop.yaml
    vitrina run --config shop.yaml

It reads some rows and the names of the images, prints which columns it takes for id, title,
description and category, where it finds the images of the rows, which rows would be rejected, and a
file of parameters to start from.
"""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from flows.command import Command
from flows.main import script
from flows.option_names import with_option_names
from flows.run import run as run_command
from vitrina.catalog.required_texts import required_texts_advice
from vitrina.config.inspection import InspectConfig
from vitrina.config.pipeline import PipelineConfig
from vitrina.inspection.columns import Column
from vitrina.inspection.draft import draft
from vitrina.inspection.inspect_catalog import Inspection, inspect_catalog
from vitrina.reporting.render import terminal
from vitrina.store.files import check_writable, write_bytes
from vitrina.store.paths import check_folder, to_path

MAX_SHOWN = 40  # characters of an example


def inspect(config: InspectConfig) -> Inspection:
    """Print what was found and the parameters, and write them if asked; no Prefect is needed."""
    found = inspect_catalog(config)
    console = terminal()
    console.print(Text(f"{found.name}: {found.read_as}; {found.rows:,} rows looked at\n"))
    console.print(columns_table(found))
    for line in findings(found, config):
        console.print(Text(line))
    parameters = draft(config, found)
    if config.yaml:
        write_bytes(to_path(config.yaml), parameters.encode())
        console.print(
            Text(f"\nParameters: {config.yaml}. Next: vitrina run --config {config.yaml}")
        )
    else:
        console.print(
            Text(f"\nParameters to start from (--yaml FILE writes them):\n\n{parameters}")
        )
    return found


def check(config: InspectConfig) -> None:
    """Raise UserError if there is no folder of images, or the file cannot be written."""
    if config.images:
        check_folder(to_path(config.images))
    if config.yaml:
        check_writable(to_path(config.yaml).parent)


def columns_table(found: Inspection) -> Table:
    """A row for each column."""
    table = Table(box=None, pad_edge=False)
    for name in ("column", "type", "filled", "distinct", "taken for", "examples"):
        is_number = name in ("filled", "distinct")
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for column in found.columns:
        share = len(column.filled) / max(len(column.texts), 1)
        cells = (
            column.name,
            str(column.kind),
            f"{share:.0%}",
            f"{column.distinct:,}",
            taken_for(column, found),
            " · ".join(map(shortened, column.examples)),
        )
        table.add_row(*map(Text, cells))
    return table


def taken_for(column: Column, found: Inspection) -> str:
    """The role of a column, and whether ids are unique."""
    roles = found.roles
    if column.name == roles.nm:
        return "id" if column.is_unique else "id, not unique"
    names = {roles.title: "title", roles.description: "description", roles.category: "category"}
    if found.images and column.name == found.images.way.image_column:
        return "images"
    return names.get(column.name, "")


def shortened(text: str) -> str:
    """An example on a line."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_SHOWN else f"{line[: MAX_SHOWN - 1]}…"


def findings(found: Inspection, config: InspectConfig) -> Iterator[str]:
    """What is said of the rows and of their images."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in found.reasons.items())
    rejected = f"; rejected: {reasons}" if reasons else ""
    yield f"\nRows: {found.rows_kept:,} of {found.rows:,} would be kept{rejected}"
    if found.roles.description is None:
        yield "No column looks like a description: only titles will be required."
    elif advice := required_texts_advice(found.rows, found.reasons):
        yield with_option_names(advice, PipelineConfig)
    yield images_line(found, config)


def images_line(found: Inspection, config: InspectConfig) -> str:
    """Where the images are, and how many were found."""
    if not found.images:
        if not config.images:
            return "Images: no column names them. Give their folder: --images FOLDER"
        lies = f"such as {found.example}" if found.example else "and none lies there"
        return f"Images: none found for these rows in {config.images}, {lies}."
    best = found.images
    way = (
        f"column {best.way.image_column!r}"
        if best.way.image_column
        else f"pattern {best.way.image_pattern}"
    )
    addresses = f", {best.addresses:,} of them at addresses" if best.addresses else ""
    return (
        f"Images: by {way}, {best.images:,} for {best.rows_found:,} of {best.rows:,} rows"
        f"{addresses}, such as {best.example}"
    )


def main(config: InspectConfig) -> None:
    """Inspect a catalogue."""
    run_command(inspect, config, check)


COMMAND = Command(InspectConfig, __doc__, main)

if __name__ == "__main__":
    script("flows.inspect_catalog")
