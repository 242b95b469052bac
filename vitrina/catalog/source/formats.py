"""Which formats of tables are read, by the endings of file names; what to do with any other."""

from typing import Literal

from upath import UPath

from vitrina.errors import UserError
from vitrina.store.paths import as_user_error

TableFormat = Literal["Parquet", "CSV", "JSON Lines"]

PARQUET_MAGIC = b"PAR1"
GZIP_ENDING = ".gz"
FORMATS: dict[str, TableFormat] = {
    ".parquet": "Parquet",
    ".parq": "Parquet",
    ".pq": "Parquet",
    ".csv": "CSV",
    ".tsv": "CSV",
    ".jsonl": "JSON Lines",
    ".ndjson": "JSON Lines",
    ".json": "JSON Lines",  # as Spark names its parts
}
READ = "Parquet (.parquet), CSV (.csv, .tsv) and JSON Lines (.jsonl), the last two also with .gz"
UNPACK = "Unpack it, or compress a CSV or JSON Lines file with gzip"
REMEDIES = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"), "Export the sheet as CSV"),
    **dict.fromkeys((".zip", ".7z", ".rar", ".tar", ".tgz", ".bz2", ".xz", ".zst", ".lz4"), UNPACK),
    **dict.fromkeys((".orc", ".avro", ".feather", ".arrow"), "Write the table as Parquet"),
    **dict.fromkeys((".sqlite", ".db", ".sql", ".xml", ".yml"), "Export the table as CSV"),
}
IMAGES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"})


def format_by_name(name: str) -> TableFormat | None:
    """The format of a file with this name or path; None if its ending is not a table's."""
    ending = _ending(name)
    if ending == GZIP_ENDING:
        inner = FORMATS.get(_ending(name[: -len(GZIP_ENDING)]))
        return None if inner == "Parquet" else inner
    return FORMATS.get(ending)


def format_of(path: UPath) -> TableFormat:
    """The format of a file; one whose ending says nothing may be Parquet by its content.

    Raises UserError with what to do about any other file.
    """
    found = format_by_name(path.name)
    if found is None and is_parquet(path):
        return "Parquet"
    if found is None:
        raise UserError(f"{path} is not a table that is read: those are {READ}. {remedy(path)}.")
    return found


def is_parquet(path: UPath) -> bool:
    """Whether a file begins as Parquet does, whatever its name; Hive's parts have no ending."""
    with as_user_error(path), path.open("rb") as file:
        return bool(file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC)


def remedy(path: UPath) -> str:
    """What to do about a file that is not a table."""
    ending = _ending(path.name)
    if ending in IMAGES:
        return "This is an image: give the folder of the images separately"
    if ending == GZIP_ENDING:
        return UNPACK
    return REMEDIES.get(ending, "Export the table as one of them")


def has_ending(name: str) -> bool:
    """Whether a file's name has an ending at all."""
    return bool(_ending(name))


def _ending(name: str) -> str:
    """The ending of a file's name or path in lower case, with its dot."""
    stem, dot, ending = name.rsplit("/", 1)[-1].rpartition(".")
    return f".{ending.lower()}" if dot and stem else ""
