"""What an error says about a column that is not there."""

import difflib
import unicodedata
from collections.abc import Sequence

from vitrina.catalog.normalize import INVISIBLE
from vitrina.errors import UserError

MAX_NAMES = 30  # that an error lists


def missing_column(table: str, name: str, names: Sequence[str]) -> str:
    """The sentences for a table without a column: what it has instead, and the nearest name."""
    shown = [repr(one) for one in names[:MAX_NAMES]]
    more = [f"and {len(names) - MAX_NAMES} more"] if len(names) > MAX_NAMES else []
    message = f"{table} has no column {name!r}; it has: {', '.join([*shown, *more]) or 'none'}."
    nearest = nearest_name(name, names)
    return message if nearest is None else f"{message} Did you mean {nearest!r}?"


def check_named(table: str, names: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise UserError naming a wanted column that a table with these ``names`` does not have."""
    for name in wanted:
        if name not in names:
            raise UserError(missing_column(table, name, names))


def nearest_name(name: str, names: Sequence[str]) -> str | None:
    """The name that differs in case, spaces or invisible characters only, else a similar one."""
    by_form = {_form(one): one for one in reversed(names)}
    similar = difflib.get_close_matches(_form(name), by_form, n=1)
    return by_form[similar[0]] if similar else None


def _form(name: str) -> str:
    return INVISIBLE.sub("", unicodedata.normalize("NFKC", name)).strip().casefold()
