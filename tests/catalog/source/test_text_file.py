"""Text files: their encoding, compression and damage."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from vitrina.catalog.source.text_file import (
    HEAD_BYTES,
    CountedLines,
    encoding_further_on,
    encoding_in,
    head,
    open_text,
)
from vitrina.errors import UserError
from vitrina.store.files import write_bytes
from vitrina.store.paths import to_path

TEXT = "nm;title\r\n1;Кружка «Лето», жёлтая\r\n2;Ваза\r\n"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("cp1251", "cp1251"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
    ],
)
def test_the_encoding_is_recognized(place: UPath, written: str, expected: str) -> None:
    """By the byte order mark or by the bytes; the text comes out as it was, without the mark."""
    path = place / "c.csv"
    write_bytes(path, TEXT.encode(written))
    assert encoding_in(head(path).start) == expected
    with open_text(path, expected) as text:
        assert text.read() == TEXT


def test_a_wrong_byte_does_not_make_utf8_another_encoding() -> None:
    """It is replaced: the rest is text, and would not be in cp1251."""
    assert encoding_in(TEXT.encode() + "хит".encode("cp1251")) == "utf-8"
    assert encoding_in(TEXT.encode()[:-20]) == "utf-8"


@given(st.text("абвгдежзийклмнопрстуфхцчшщъыьэюя АБВ,;0123\n", min_size=4))
def test_russian_is_recognized_by_any_text(text: str) -> None:
    """With a few letters in it already."""
    if not text.isascii():
        assert encoding_in(text.encode()) == "utf-8"
    if sum(not character.isascii() for character in text) > 3:
        assert encoding_in(text.encode("cp1251")) == "cp1251"


def test_ascii_is_read_on_until_it_is_something_else(tmp_path: Path) -> None:
    """A catalogue may begin with thousands of English rows."""
    path, start = tmp_path / "c.csv", b"nm,title\n" * HEAD_BYTES
    for rest, expected in ((b"", "utf-8"), ("Ваза".encode("cp1251"), "cp1251")):
        path.write_bytes(start + rest)
        assert encoding_in(head(to_path(path)).start) is None
        assert encoding_further_on(to_path(path)) == expected


def test_gzip_is_known_by_its_content(place: UPath) -> None:
    """A browser may have unpacked a .gz, or an export may have packed a .csv."""
    for content in (TEXT.encode(), gzip.compress(TEXT.encode())):
        for name in ("c.csv", "c.csv.gz"):
            write_bytes(place / name, content)
            assert head(place / name) == (TEXT.encode(), False)


def test_damage_is_named(place: UPath) -> None:
    """A gzip file that was cut off, or holds something else further on."""
    packed = gzip.compress(b"".join(b"%d,title\n" % (7**n) for n in range(2_000)))
    changed = bytearray(packed)
    changed[len(packed) // 2] ^= 255
    for content in (packed[:-100], packed[:-1], bytes(changed)):
        write_bytes(place / "c.csv.gz", content)
        with pytest.raises(UserError, match=r"c\.csv\.gz is damaged: .*Write or download it again"):
            for _ in CountedLines(_lines(place / "c.csv.gz")):
                pass


def _lines(path: UPath) -> list[str]:
    with open_text(path, "utf-8") as text:
        return list(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \r\n\n", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"PK\x03\x04\x14\x00", "is a ZIP archive or an Excel workbook"),
        (bytes(range(256)) * 9, "is not text"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """Also if its name says CSV."""
    (tmp_path / "c.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        head(to_path(tmp_path / "c.csv"))


def test_lines_are_counted_by_their_characters() -> None:
    """So that a batch of long lines is not too large."""
    lines = CountedLines(["аб\n", "в\n"])
    assert list(lines) == ["аб\n", "в\n"]
    assert lines.characters == 5


def test_the_beginning_has_the_first_line_whole(tmp_path: Path) -> None:
    """A line of JSON may hold an image; no file is read to its end for a line that has none."""
    long = b"x" * (3 * HEAD_BYTES) + b"\n" + b"y" * HEAD_BYTES
    (tmp_path / "c.jsonl").write_bytes(long)
    start, is_cut = head(to_path(tmp_path / "c.jsonl"))
    assert b"\n" in start
    assert is_cut
    (tmp_path / "c.jsonl").write_bytes(long[: 2 * HEAD_BYTES])
    assert head(to_path(tmp_path / "c.jsonl")) == (long[: 2 * HEAD_BYTES], False)
