"""Which of the files in a folder are the parts of a table, and why none may be."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from upath import UPath

from vitrina.catalog.source.formats import (
    IMAGES,
    READ,
    TableFormat,
    format_by_name,
    has_ending,
    is_parquet,
)
from vitrina.errors import UserError

# Tables whose folder also holds rows of earlier versions; by a path in them.
VERSIONED = {
    "Delta Lake": re.compile(r"(?:.*/)?_delta_log/.+"),
    "Apache Hudi": re.compile(r"(?:.*/)?\.hoodie/.+"),
    "Apache Iceberg": re.compile(r"(?:.*/)?metadata/[^/]+\.metadata\.json"),
}


@dataclass
class FolderTables:
    """The tables among files of a folder, and counts of the rest; memory does not grow with it.

    Hidden files are left out, and those below a name that begins with ``_``, as Spark does it,
    unless the pattern ``asked_for`` names them so; so are empty files.
    """

    folder: UPath
    asked_for: str = ""
    tables: dict[str, TableFormat] = field(default_factory=dict)
    others: int = 0
    first_other: str = ""
    empty: int = 0
    files: int = 0

    def add(self, files: Iterable[tuple[str, int]]) -> None:
        """Take in files by their paths in the folder, with their sizes.

        Raises UserError if they belong to a table whose folder holds several versions.
        """
        for name, size in files:
            self.files += 1
            self._check_unversioned(name)
            if not is_hidden(name, self.asked_for):
                self._add_visible(name, size)

    def why_none(self, given: UPath) -> str:
        """Why there is no table in what was given, and what to do."""
        if not self.files:
            return f"{given} does not exist, or is an empty folder."
        if self.first_other.lower().endswith(tuple(IMAGES)):
            return (
                f"{given} is a folder of images, such as {self.first_other}. The catalogue is the "
                "table that lists them: a Parquet, CSV or JSON Lines file."
            )
        rest = f"only {self.empty} empty files" if self.empty else "only hidden files"
        if self.others:
            rest = f"only other files, such as {self.first_other}"
        return f"{given} holds no table, {rest}. A catalogue is {READ}."

    def _check_unversioned(self, name: str) -> None:
        for kind, pattern in VERSIONED.items():
            if pattern.fullmatch(name):
                raise UserError(
                    f"{self.folder} is a table of {kind}, whose folder also holds rows of earlier "
                    "versions. Write its current version as Parquet elsewhere, and give that."
                )

    def _add_visible(self, name: str, size: int) -> None:
        found = format_by_name(name)
        if found is None and size and not has_ending(name) and is_parquet(self.folder / name):
            found = "Parquet"  # of Hive
        if found is None:
            self.others += 1
            self.first_other = min(self.first_other or name, name)
        elif size:
            self.tables[name] = found
        else:
            self.empty += 1


def is_hidden(name: str, asked_for: str = "") -> bool:
    """Whether a name in a path begins with a dot or, unless it is a partition's, an underscore.

    A first character with which a name of the pattern ``asked_for`` begins hides nothing.
    """
    shown = {one[0] for one in asked_for.split("/") if one}
    return any(
        one.startswith((".", "_")) and one[0] not in shown and "=" not in one
        for one in name.split("/")
    )
