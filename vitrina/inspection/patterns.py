"""Image patterns that real paths of images suggest, given some rows of the catalogue.

A path is explained part by part: its file name is the value of a column, perhaps with leading zeros
or with something behind it; a folder above is a part of such a value, a number made of it, or the
same text in all paths. What explains most paths is proposed.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vitrina.images.spellings import image_ending

Row = Mapping[str, str]  # the values of a listing by the names of their columns, the id as nm
MAX_SLICE = 6  # characters of a value in the name of a folder
MAX_POWER = 8  # of ten, by which an id is divided for one
ALIKE = 0.95  # of the images, that have one ending
SEPARATORS = re.compile(r"[_\-. (~+]")
NUMBERED = re.compile(r"(\D*)(\d+)(\D*)")


@dataclass(frozen=True)
class _Key:
    """Where a path has a value of a column: in this of its parts, as this expression."""

    row: int
    column: str
    part: int
    field: str  # such as {nm} or {nm:010d}
    rest: str = ""  # of a file's name: the separator behind it, or nothing


def suggested_patterns(paths: Iterable[str], rows: Sequence[Row]) -> list[str]:
    """Patterns for these images, the one that explains most of them first."""
    known = _rows_by_value(rows)
    shapes: dict[tuple[object, ...], list[tuple[Sequence[str], _Key]]] = defaultdict(list)
    for path in paths:
        parts = path.split("/")
        if image_ending(path) and (key := _key(parts, known)):
            shapes[len(parts), key.column, key.part, key.field, key.rest].append((parts, key))
    by_count = sorted(shapes.values(), key=len, reverse=True)
    return list(dict.fromkeys(_pattern(explained, rows) for explained in by_count))


def _rows_by_value(rows: Sequence[Row]) -> dict[str, tuple[int, str]]:
    """The row and the column of each value that only one row has; of equal ones the id's."""
    known: dict[str, tuple[int, str]] = {}
    columns = dict.fromkeys(name for row in rows for name in row)
    for column in reversed(columns):
        values = Counter(row[column] for row in rows if column in row)
        for number, row in enumerate(rows):
            if column in row and values[row[column]] == 1:
                known[row[column].casefold()] = number, column
    return known


def _key(parts: Sequence[str], known: Mapping[str, tuple[int, str]]) -> _Key | None:
    """The value of a column in a path: its file's name, the beginning of it, or a folder."""
    name = parts[-1]
    stem = name[: len(name) - len(image_ending(name))]
    last = len(parts) - 1
    if found := known.get(stem.casefold()):
        return _Key(*found, last, f"{{{found[1]}}}")
    for separator in reversed(list(SEPARATORS.finditer(stem))):
        if found := known.get(stem[: separator.start()].casefold()):
            return _Key(*found, last, f"{{{found[1]}}}", separator[0])
    if stem.isascii() and stem.isdigit() and (found := known.get(stem.lstrip("0"))):
        return _Key(*found, last, f"{{{found[1]}:0{len(stem)}d}}")
    for part in reversed(range(last)):
        if found := known.get(parts[part].casefold()):
            return _Key(*found, part, f"{{{found[1]}}}")
    return None


def _pattern(explained: Sequence[tuple[Sequence[str], _Key]], rows: Sequence[Row]) -> str:
    """The pattern of paths that have their values in the same place."""
    key = explained[0][1]
    depth = len(explained[0][0])
    folders = [
        key.field if part == key.part else _folder(part, explained, rows)
        for part in range(depth - 1)
    ]
    return "/".join([*folders, _file_name(key, depth, explained)])


def _file_name(key: _Key, depth: int, explained: Sequence[tuple[Sequence[str], _Key]]) -> str:
    endings = Counter(image_ending(parts[-1]) for parts, _ in explained)
    ending, count = endings.most_common(1)[0]
    is_alike = count >= ALIKE * len(explained)
    if key.part < depth - 1:  # a folder of each listing
        names = {parts[-1] for parts, _ in explained}
        one_each = len(names) == 1 and len({one.row for _, one in explained}) == len(explained)
        return names.pop() if one_each else (f"*{ending}" if is_alike else "*")
    if key.rest:
        return f"{key.field}{key.rest}*{ending if is_alike else ''}"
    return f"{key.field}{ending if is_alike else '.*'}"


def _folder(part: int, explained: Sequence[tuple[Sequence[str], _Key]], rows: Sequence[Row]) -> str:
    """The expression that explains most names of the folders at one depth.

    Of equally good ones, a name with digits is probably made of the value, as ids in a row may be
    in one folder; any other is a text.
    """
    votes = Counter[str]()
    for parts, key in explained:
        votes.update(set(_expressions(parts[part], rows[key.row], key.column)))
    has_digits = any(character.isdigit() for character in explained[0][0][part])
    return max(votes, key=lambda one: (votes[one], ("{" in one) == has_digits, -len(one)))


def _expressions(name: str, row: Row, column: str) -> Iterator[str]:
    """What the name of a folder may be: a text, a part of the value, a number or another value."""
    yield _escaped(name)
    value = row[column]
    if len(name) <= MAX_SLICE and name == value[: len(name)]:
        yield f"{{{column}[:{len(name)}]}}"
    if len(name) <= MAX_SLICE and name == value[-len(name) :]:
        yield f"{{{column}[-{len(name)}:]}}"
    numbered = NUMBERED.fullmatch(name)
    if numbered and value.isascii() and value.isdigit():
        before, digits, after = map(_escaped, numbered.groups())
        for expression in _numbers(digits, int(value), column):
            yield f"{before}{expression}{after}"
    yield from (f"{{{other}}}" for other, one in row.items() if other != column and one == name)


def _numbers(digits: str, value: int, column: str) -> Iterator[str]:
    """How the number in a folder's name may be made of an id."""
    width = f":0{len(digits)}d" if digits.startswith("0") and len(digits) > 1 else ""
    for power in range(1, MAX_POWER + 1):
        if value // 10**power == int(digits):
            yield f"{{{column}//{10**power}{width}}}"
        if value % 10**power == int(digits):
            yield f"{{{column}%{10**power}{width}}}"


def _escaped(text: str) -> str:
    """A text that stands for itself in a pattern."""
    return text.replace("{", "{{").replace("}", "}}")
