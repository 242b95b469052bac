"""Which columns of a catalogue are taken for the id, the title, the description and the category.

By their names, those that shops and marketplaces use, and by what they hold.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vitrina.catalog.column_types import holds_text, is_id_type, is_readable_as_text
from vitrina.inspection.columns import Column

# The nearer to the front, the surer; compared without case, spaces and signs.
ID_NAMES = (
    *("nm", "nmid", "id", "sku", "itemid", "productid", "offerid", "articleid", "article", "asin"),
    *("parentasin", "артикул", "арт", "код", "code", "vendorcode", "uid", "uuid", "номенклатура"),
)
TITLE_NAMES = (
    *("title", "name", "productname", "producttitle", "prodname", "itemname", "offername"),
    *("productdisplayname", "название", "наименование", "имя", "заголовок", "model", "товар"),
)
DESCRIPTION_NAMES = (
    *("description", "desc", "descr", "productdescription", "detaildesc", "fulldescription"),
    *("описание", "полноеописание", "characteristics", "характеристики", "about", "text", "body"),
)
CATEGORY_NAMES = (
    *("category", "categoryname", "maincategory", "subject", "subjectname", "producttypename"),
    *("producttype", "articletype", "категория", "предмет", "раздел", "group", "type", "class"),
)
MIN_TITLE_CHARACTERS, MAX_TITLE_CHARACTERS = 8, 200  # of a title, on average
MIN_UNIQUE = 0.5  # of the titles of a catalogue
MAX_CATEGORIES = 0.3  # different values a row


@dataclass(frozen=True)
class Roles:
    """The names of columns; None for a role that none seems to have."""

    nm: str | None
    title: str | None
    description: str | None
    category: str | None


def guess_roles(columns: Sequence[Column]) -> Roles:
    """The columns that look like id, title, description and category."""
    nm = (
        _named(columns, ID_NAMES, lambda one: is_id_type(one.kind) and one.is_unique)
        or _named(columns, ID_NAMES, lambda one: is_id_type(one.kind) and bool(one.filled))
        or next((one for one in columns if is_id_type(one.kind) and one.is_unique), None)
    )
    texts = [one for one in columns if one is not nm and is_readable_as_text(one.kind)]
    title = _named(texts, TITLE_NAMES, _is_text) or _longest(texts, _may_be_title)
    rest = [one for one in texts if one is not title]
    description = _named(rest, DESCRIPTION_NAMES, is_readable)
    category = _named(rest, CATEGORY_NAMES, _repeats)
    found = (nm, title, description, category)
    return Roles(*(one.name if one else None for one in found))


def is_readable(column: Column) -> bool:
    """Whether texts can be read from a column."""
    return is_readable_as_text(column.kind) and bool(column.filled)


def _named(
    columns: Sequence[Column], names: Sequence[str], fits: Callable[[Column], bool]
) -> Column | None:
    """The column with the surest of the names, of those that fit."""
    by_form = {_form(one.name): one for one in reversed(columns) if fits(one)}
    return next((by_form[name] for name in names if name in by_form), None)


def _form(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())


def _longest(columns: Sequence[Column], fits: Callable[[Column], bool]) -> Column | None:
    return max(filter(fits, columns), key=_mean_characters, default=None)


def _mean_characters(column: Column) -> float:
    return sum(map(len, column.filled)) / max(len(column.filled), 1)


def _is_text(column: Column) -> bool:
    return holds_text(column.kind) and bool(column.filled)


def _may_be_title(column: Column) -> bool:
    """Whether most values differ, are as long as titles, and have several words."""
    if not _is_text(column) or column.distinct < MIN_UNIQUE * len(column.texts):
        return False
    words = sum(" " in text.strip() for text in column.filled)
    length = _mean_characters(column)
    return MIN_TITLE_CHARACTERS <= length <= MAX_TITLE_CHARACTERS and words > len(column.filled) / 2


def _repeats(column: Column) -> bool:
    return _is_text(column) and 1 < column.distinct <= max(2, MAX_CATEGORIES * len(column.filled))
