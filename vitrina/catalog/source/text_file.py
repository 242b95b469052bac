"""Text files of tables: decompressed, and in the encoding that their bytes show."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, NamedTuple, TextIO, cast

from upath import UPath

from vitrina.errors import UserError
from vitrina.store.file_info import regular_file
from vitrina.store.paths import as_user_error, is_local

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
HEAD_BYTES = 1 << 18  # of the text, from which encoding, delimiter and types are taken
MAX_LINE_BYTES = 64 << 20  # to which a first line without an end is looked at
READ_AHEAD = 8 << 20  # bytes of a request to S3
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
UTF8, CYRILLIC = "utf-8", "cp1251"


@contextmanager
def open_bytes(path: UPath, read_ahead: int = READ_AHEAD) -> Iterator[IO[bytes]]:
    """The content of a file, decompressed if it is gzip's whatever its name.

    Raises UserError if it is missing, or damaged where it is read.
    """
    with _gzip_damage_as_user_error(path), as_user_error(path), _stored(path, read_ahead) as stored:
        is_gzip = stored.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        stored.seek(0)
        if not is_gzip:
            yield stored
            return
        with gzip.open(stored) as unpacked:
            yield cast(IO[bytes], unpacked)


def _stored(path: UPath, read_ahead: int) -> IO[bytes]:
    if is_local(path):
        return regular_file(path).open("rb")
    return cast(IO[bytes], path.open("rb", block_size=read_ahead, cache_type="readahead"))


@contextmanager
def _gzip_damage_as_user_error(path: UPath) -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path} is damaged: {error}. Write or download it again.") from error


@contextmanager
def open_text(path: UPath, encoding: str, newline: str = "") -> Iterator[TextIO]:
    """The text of a file; what is invalid in its encoding is replaced."""
    with (
        open_bytes(path) as content,
        io.TextIOWrapper(content, encoding, errors="replace", newline=newline) as text,
    ):
        yield text


class Head(NamedTuple):
    """The beginning of a text file, its first line at least, and whether more follows."""

    start: bytes
    is_cut: bool


def head(path: UPath, size: int = HEAD_BYTES) -> Head:
    """The beginning of a file. Raises UserError if it is no text, or if there is nothing in it."""
    with open_bytes(path, size) as content:
        start = content.read(size)
        while b"\n" not in start and len(start) < MAX_LINE_BYTES:
            if not (more := content.read(HEAD_BYTES)):
                break
            start += more
        is_cut = bool(content.read(1))
    if start.startswith(ZIP_MAGIC):
        raise UserError(
            f"{path} is a ZIP archive or an Excel workbook, not text. Unpack it, or export the "
            "sheet as CSV."
        )
    if not start.strip():
        raise UserError(f"{path} is empty, where a table was expected. Write it again.")
    if b"\0" in start and recognized_encoding(start) == CYRILLIC:
        raise UserError(f"{path} is not text. Export the table as CSV, or write it as Parquet.")
    return Head(start, is_cut)


def encoding_in(start: bytes) -> str | None:
    """The encoding of a text by its beginning; None for plain ASCII, which does not tell."""
    return None if _is_plain(start) else recognized_encoding(start)


def encoding_further_on(path: UPath) -> str:
    """The encoding of a file that begins in ASCII: it is read up to the first other character."""
    with open_bytes(path) as content:
        while chunk := content.read(HEAD_BYTES):
            if found := encoding_in(chunk):
                return found
    return UTF8


def _is_plain(text: bytes) -> bool:
    """Whether every encoding but UTF-16 and UTF-32 reads it alike."""
    return text.isascii() and b"\0" not in text


def recognized_encoding(start: bytes) -> str:
    """The encoding of a text's beginning: by its byte order mark, else UTF-16, UTF-8 or cp1251.

    A text with more valid than invalid characters of UTF-8 is UTF-8 that was damaged.
    """
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return encoding
    if (zeros := start.count(0)) > len(start) // 10:
        # of spaces, digits and line breaks, also in Russian
        return "utf-16-le" if start[1::2].count(0) > zeros // 2 else "utf-16-be"
    text = start.decode(UTF8, "replace")
    beyond_ascii = sum(character > "\x7f" for character in text)
    return UTF8 if beyond_ascii >= 2 * text.count("\ufffd") else CYRILLIC


class CountedLines:
    """The lines of a text, and how many characters they have."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.characters = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.characters += len(line)
            yield line
