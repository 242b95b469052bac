"""Which columns are taken for id, title, description and category."""

from typing import Any

import pyarrow as pa
import pytest

from vitrina.inspection.columns import Column
from vitrina.inspection.roles import Roles, guess_roles

ROWS = 40
TITLES = [f"Кружка белая {row}" for row in range(ROWS)]
TEXTS = [f"Хорошая кружка {row}, фарфор, можно мыть в машине." for row in range(ROWS)]
KINDS = [("Посуда", "Дом")[row % 2] for row in range(ROWS)]
IDS = list(range(7, 7 + ROWS))


def roles(**columns: list[Any]) -> Roles:
    """What is guessed of columns with these values."""
    return guess_roles(
        [
            Column(
                name, pa.array(values).type, [None if one is None else str(one) for one in values]
            )
            for name, values in columns.items()
        ]
    )


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("nm", "title", "description", "category"), ("nm", "title", "description", "category")),
        (
            ("nm_id", "Наименование", "Описание", "Предмет"),
            ("nm_id", "Наименование", "Описание", "Предмет"),
        ),
        (
            ("article_id", "prod_name", "detail_desc", "product_type_name"),
            ("article_id", "prod_name", "detail_desc", "product_type_name"),
        ),
        (("SKU", "Product Name", "Body", "Type"), ("SKU", "Product Name", "Body", "Type")),
        (("key", "headline", "info", "kind"), ("key", "headline", None, None)),
    ],
)
def test_columns_are_known_by_their_names(
    names: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    """In any language of shops; an id and a title also by what they hold."""
    values = (IDS, TITLES, TEXTS, KINDS)
    if names[1] == "headline":
        values = (IDS, TEXTS, KINDS, KINDS)
    assert roles(**dict(zip(names, values, strict=True))) == Roles(*expected)


def test_a_unique_column_is_rather_the_id() -> None:
    """An article may be that of several listings."""
    assert roles(id=[1] * ROWS, article=IDS, title=TITLES).nm == "article"
    assert roles(id=[1] * ROWS, title=TITLES).nm == "id"


def test_a_category_repeats() -> None:
    """With another value in each row, or with one in all of them, a column of that name is none."""
    assert roles(nm=IDS, title=TITLES, category=TEXTS).category is None
    assert roles(nm=IDS, title=TITLES, category=["Дом"] * ROWS).category is None
    assert roles(nm=IDS, title=TITLES, category=KINDS).category == "category"


def test_numbers_and_empty_columns_are_no_texts() -> None:
    """A column named so that holds nothing else is passed over."""
    found = roles(nm=IDS, name=IDS, title=[None] * ROWS, caption=TITLES, description=[None] * ROWS)
    assert (found.title, found.description) == ("caption", None)
    assert roles(price=[1.5] * ROWS) == Roles(None, None, None, None)
