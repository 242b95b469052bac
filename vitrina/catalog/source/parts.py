"""The files that make up a catalogue: one, those in a folder, or those that a glob matches."""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from fsspec.utils import glob_translate
from upath import UPath

from vitrina.catalog.source.folder_tables import FolderTables, is_hidden
from vitrina.catalog.source.formats import TableFormat, format_of
from vitrina.errors import UserError
from vitrina.store.file_info import regular_file
from vitrina.store.files import listing
from vitrina.store.paths import as_user_error, exists, is_file, is_local, to_path

logger = logging.getLogger(__name__)
Catalog = UPath | Sequence[UPath]  # files, folders or globs
WILDCARDS = frozenset("*?[")
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


class Part(NamedTuple):
    """A file of a catalogue, with the values of the columns that its folders' names give."""

    path: UPath
    format: TableFormat
    partitions: tuple[tuple[str, str | None], ...] = ()


def catalog_paths(catalog: str | Sequence[str]) -> tuple[UPath, ...]:
    """The paths of a catalogue as parameters name it: one path, or several."""
    return tuple(map(to_path, (catalog,) if isinstance(catalog, str) else catalog))


def find_parts(catalog: Catalog) -> tuple[Part, ...]:
    """The files of a catalogue: in the order given, those of a folder by path, part 2 before 10.

    Folders named ``column=value``, below the one given or from the first wildcard on, give a
    column. What else is in a folder, see ``FolderTables``.

    Raises UserError if there are none, or of several formats, or of one that is not read.
    """
    parts = {str(part.path): part for path in _paths(catalog) for part in _parts_of(path)}
    found = tuple(parts.values())
    formats = Counter(part.format for part in found)
    if len(formats) > 1:
        counts = " and ".join(f"{count} of {name}" for name, count in formats.items())
        other = next(part for part in found if part.format != found[0].format)
        raise UserError(
            f"{name_of(catalog)} has files of several formats: {counts}, such as {found[0].path} "
            f"and {other.path}. Give those of one format, such as 'folder/*.parquet'."
        )
    return found


def name_of(catalog: Catalog) -> str:
    """The name that errors show: the path, or the first of several."""
    first, *more = _paths(catalog)
    return f"{first} and {len(more)} more" if more else str(first)


def check_not_read_from(target: UPath, catalog: Catalog, option: str) -> None:
    """Raise UserError if a table written to ``target`` would replace or join the catalogue."""
    for path in _paths(catalog):
        if _covers(path, target):
            raise UserError(
                f"{path} is the catalogue, and {target.name} would be written over it or be read "
                f"as a part of it the next time. Name another {option}."
            )


def natural_order(name: str) -> tuple[str | int, ...]:
    """A key that sorts numbers in names by their value: part-2 before part-10."""
    pieces = re.split(r"([0-9]+)", name)
    return (*(int(one) if index % 2 else one for index, one in enumerate(pieces)), name)


def _paths(catalog: Catalog) -> Sequence[UPath]:
    return (catalog,) if isinstance(catalog, UPath) else catalog


def _covers(path: UPath, target: UPath) -> bool:
    if path.protocol != target.protocol:
        return False
    if _is_glob(path):
        return bool(re.fullmatch(glob_translate(path.path), target.path))
    prefix = f"{path.path.rstrip('/')}/"
    inside = target.path.startswith(prefix) and not is_hidden(target.path.removeprefix(prefix))
    return path == target or inside


def _parts_of(path: UPath) -> Iterator[Part]:
    if _is_glob(path):
        yield from _globbed(path)
    elif is_file(path):
        yield _single(path)
    elif is_local(path) and not path.is_dir():
        regular_file(path)  # says that there is none, or that it is a device
    else:
        yield from _in_folder(path)


def _is_glob(path: UPath) -> bool:
    """Whether a path is a pattern, unless a file has just that name."""
    return bool(WILDCARDS & set(path.path)) and not exists(path)


def _single(path: UPath) -> Part:
    with as_user_error(path):
        if not path.fs.info(path.path)["size"]:
            raise UserError(f"{path} is empty, where a table was expected. Write it again.")
    return Part(path, format_of(path))


def _in_folder(folder: UPath) -> Iterator[Part]:
    found = FolderTables(folder)
    found.add((name, info.size) for name, info in listing(folder))
    yield from _parts_among(found, folder)


def _globbed(pattern: UPath) -> Iterator[Part]:
    """The files that a pattern matches, and those in the folders that it matches."""
    base = next(folder for folder in pattern.parents if not WILDCARDS & set(folder.path))
    prefix = f"{base.path.rstrip('/')}/"
    with as_user_error(pattern):
        matched = pattern.fs.glob(pattern.path, detail=True)
    found = FolderTables(base, asked_for=pattern.path.removeprefix(prefix))
    for path, info in matched.items():
        name = str(path).removeprefix(prefix)
        if info["type"] == "directory":
            found.add((f"{name}/{one}", file.size) for one, file in listing(base / name))
        else:
            found.add([(name, info["size"])])
    if not found.files:
        raise UserError(f"{pattern} matches no file. Check it; in a shell, put it in quotes.")
    yield from _parts_among(found, pattern)


def _parts_among(found: FolderTables, given: UPath) -> Iterator[Part]:
    if not found.tables:
        raise UserError(found.why_none(given))
    if found.others:
        logger.info("%s: ignored %d other files, first: %s", given, found.others, found.first_other)
    for name in sorted(found.tables, key=natural_order):
        yield Part(found.folder / name, found.tables[name], _partitions(name))


def _partitions(name: str) -> tuple[tuple[str, str | None], ...]:
    """The columns of Hive's folder names: ``category=Дом/part-0.parquet``."""
    pairs = (one.partition("=") for one in name.split("/")[:-1] if "=" in one)
    return tuple(
        (unquote(column), None if value == HIVE_NULL else unquote(value))
        for column, _, value in pairs
    )
