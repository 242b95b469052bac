"""The syntax of ``image_pattern``: the path of a row's image, as a text with columns in braces.

A field in braces is a column or an expression of columns, with a format behind a colon if need be,
as in Python's own formatted texts: ``{nm}.jpg``, ``{nm:010d}``, ``vol{nm // 100000}/{nm}.webp``.
In the name of the file, ``*`` stands for any characters.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import NamedTuple, Self

from vitrina.config.pattern_expression import Value, as_integer, compile_expression

MAX_PATTERN = 1_000  # characters
MAX_WIDTH = 200  # of a formatted value: no file system allows longer names
FORMAT = re.compile(
    r"(?:.?[<>=^])?[-+ ]?(?P<zeros>0)?(?P<width>\d{0,3})(?P<grouping>[,_]?)"
    r"(?:\.(?P<precision>\d{1,3}))?(?P<kind>[sdxXob]?)"
)
ID, WILDCARD = "nm", "*"


class Field(NamedTuple):
    """A field in braces: the columns that it needs, and its text for a row's values of them."""

    columns: tuple[str, ...]
    text: Callable[[Mapping[str, Value]], str]  # raises UnfitValueError
    is_id: bool  # {nm}, and nothing else


@dataclass(frozen=True)
class ImagePattern:
    """A pattern, taken apart."""

    source: str
    parts: tuple[str | Field, ...]

    @classmethod
    def parse(cls, source: str) -> Self:
        """Take a pattern apart. Raises ValueError, saying what is wrong with it."""
        if len(source) > MAX_PATTERN:
            raise ValueError(f"a pattern has at most {MAX_PATTERN} characters")
        pattern = cls(source, tuple(_parts(source)))
        if not pattern.columns:
            raise ValueError(f"{source!r} names no column in braces, such as {{nm}}.jpg")
        _check_path("".join(part if isinstance(part, str) else "{}" for part in pattern.parts))
        return pattern

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the pattern needs, each once."""
        fields = (part for part in self.parts if not isinstance(part, str))
        return tuple(dict.fromkeys(name for field in fields for name in field.columns))

    @property
    def has_wildcard(self) -> bool:
        """Whether several files may be a row's images."""
        return any(isinstance(part, str) and WILDCARD in part for part in self.parts)

    def fill(self, row: Mapping[str, Value]) -> list[str]:
        """The path for a row's values of the columns, split at the wildcards that the pattern has.

        Raises UnfitValueError.
        """
        texts = [""]
        for part in self.parts:
            if isinstance(part, str):
                first, *more = part.split(WILDCARD)
                texts[-1] += first
                texts += more
            else:
                texts[-1] += part.text(row)
        return texts

    @property
    def around_id(self) -> tuple[str, str] | None:
        """What stands before and behind {nm}, if the pattern has nothing else in it."""
        match [part for part in self.parts if part != ""]:
            case [str() as before, Field(is_id=True), str() as after]:
                pass
            case [Field(is_id=True), str() as after]:
                before = ""
            case [str() as before, Field(is_id=True)]:
                after = ""
            case _:
                return None
        return None if self.has_wildcard else (before, after)

    def relative(self) -> tuple[str, Self]:
        """The folder that all paths share, "" or with a slash, and the pattern of paths below."""
        first = self.parts[0]
        if not isinstance(first, str) or "/" not in first:
            return "", self
        folder, _, rest = first.rpartition("/")
        return f"{folder}/", type(self)(self.source, (rest, *self.parts[1:]))


def checked_pattern(source: str) -> str:
    """The pattern, if it is one; ValueError if not."""
    ImagePattern.parse(source)
    return source


def _parts(source: str) -> list[str | Field]:
    parts: list[str | Field] = []
    try:
        for literal, field, spec, conversion in Formatter().parse(source):
            if literal:
                parts.append(literal)
            if field is not None:
                if conversion:
                    raise ValueError(f"!{conversion} is not allowed")
                parts.append(_field(field, spec or ""))
    except ValueError as error:
        raise ValueError(f"{source!r}: {error}") from error
    return _tidied(parts)


def _tidied(parts: list[str | Field]) -> list[str | Field]:
    """Without ``./`` in front, and without doubled slashes and wildcards."""
    tidied = [re.sub(r"([/*])\1+", r"\1", one) if isinstance(one, str) else one for one in parts]
    if tidied and isinstance(tidied[0], str):
        tidied[0] = re.sub(r"^(?:\./)+", "", tidied[0])
    return tidied


def _field(source: str, spec: str) -> Field:
    columns, evaluate = compile_expression(source)
    form = FORMAT.fullmatch(spec)
    if not form or int(form["width"] or 0) > MAX_WIDTH or int(form["precision"] or 0) > MAX_WIDTH:
        raise ValueError(f"':{spec}' is no format such as :010d")
    is_number = bool(form["zeros"] or form["grouping"] or form["kind"] not in ("", "s"))
    try:
        format(1 if is_number else "", spec)
    except ValueError as error:
        raise ValueError(f"':{spec}' is no format such as :010d: {error}") from error

    def text(row: Mapping[str, Value]) -> str:
        value = evaluate(row)
        return format(as_integer(value) if is_number else str(value), spec)

    return Field(columns, text, is_id=not spec and source.strip() == ID)


def _check_path(path: str) -> None:
    """Raise ValueError for a path that leaves the folder or has a wildcard above the file's name.

    In ``path`` two braces stand for each field.
    """
    *folders, name = path.split("/")
    if path.startswith("/") or ".." in (*folders, name) or "\0" in path or "::" in path:
        raise ValueError("the pattern leaves the folder of images: give a path below it")
    if any(WILDCARD in folder for folder in folders):
        raise ValueError(f"{WILDCARD} may stand in the name of the file only, not in a folder's")
    if WILDCARD in name and "{}" not in path.split(WILDCARD)[0]:
        raise ValueError(f"a column must stand before the first {WILDCARD}, such as {{nm}}_*.jpg")
