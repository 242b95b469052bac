"""Expressions of an image pattern: what they give, and what can never be written in one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrina.config.pattern_expression import UnfitValueError, compile_expression

ROW = {"nm": 108_775_015, "article": "0123", "brend": "Nike", "Артикул товара": "А-7", "a-b": 3}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("nm", 108_775_015),
        ("nm // 100000", 1087),
        ("(nm + 1) % 10 * 2 - -3", 15),
        ("article // 10", 12),  # a text of digits is a number
        ("nm[:3]", "108"),  # and a number has digits
        ("nm[-2:] + article[0]", "150"),
        ("brend + '_' + nm", "Nike_108775015"),
        ("brend.lower() + article.strip()", "nike0123"),
        ("Артикул товара", "А-7"),
        ("`Артикул товара`[0]", "А"),
        ("`a-b` + 1", 4),
    ],
)
def test_an_expression_has_the_value_that_it_shows(source: str, value: int | str) -> None:
    """Columns are named as in the catalogue."""
    expression = compile_expression(source)
    assert set(expression.columns) <= ROW.keys()
    assert expression.evaluate(ROW) == value


@pytest.mark.parametrize(
    "source",
    [
        "__import__('os').system('x')",
        "open('x')",
        "nm.__class__",
        "nm.lower.x()",
        "brend.format(nm)",
        "brend.lower(1)",
        "[x for x in nm]",
        "(lambda: 1)()",
        "nm if nm else 1 .real",
        "nm ** 9",
        "nm << 9",
        "nm / 2",
        "'a' * 1000000000",
        "'%9999999d' % nm",
        "nm[::2]",
        "nm[0, 1]",
        "f'{nm:999999999}'",
        "1e9",
        "True",
        "9" * 100,
        "-" * 500 + "nm",
        "(" * 300 + "nm" + ")" * 300,
        "+".join(["nm"] * 200),
        "nm nm +",
        "`a",
        "",
    ],
)
def test_anything_else_is_refused_before_it_is_evaluated(source: str) -> None:
    """No calls, no attributes, nothing that could grow."""
    if source == "True":
        assert compile_expression(source).columns == ("True",)  # the name of a column
        return
    with pytest.raises(ValueError, match=r"allowed|no expression|too l|calculated"):
        compile_expression(source)


@pytest.mark.parametrize(
    ("source", "row"),
    [
        ("nm // 0", ROW),
        ("brend // 2", ROW),
        ("nm[20]", ROW),
        ("nm * nm * nm", {"nm": 10**37}),
        ("nm + 1", {"nm": "9" * 50}),
        ("nm + 1", {"nm": "²"}),
    ],
)
def test_a_value_that_does_not_fit_is_told(source: str, row: dict[str, int | str]) -> None:
    """It rejects one row, and ends no run."""
    with pytest.raises(UnfitValueError):
        compile_expression(source).evaluate(row)


@given(st.text("nm0129[]()+-*/%:.'`_ ,{}\\\n\x00lower", max_size=40))
def test_no_text_does_anything_else_than_be_refused_or_give_a_small_value(source: str) -> None:
    """Whatever is written."""
    try:
        expression = compile_expression(source)
        value = expression.evaluate(dict.fromkeys(expression.columns, "12"))
    except ValueError:
        return
    assert len(str(value)) < 200
