"""Source as it is hashed: without what changes no result, and the same however it is written."""

import pytest

from vitrina.store.syntax_tree import canonical, parse_content


def text(source: str) -> str:
    """The text that is hashed."""
    return canonical(parse_content(source))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = f'{a[\"b\"]}'", "x = f\"{a['b']}\""),
        ("x = 'a' 'b'", 'x = """ab"""'),
        ("x = (1 +\n 2)", "x = 1 + 2"),
        ("def f():\n    pass", 'def f():\n    """Doc."""'),
        ("def f(x: 'int') -> 'int': return x", "def f(x: int) -> int: return x"),
        ("raise A('text')", "raise A(f'{text()} and more')"),
        ("e = AnError('text')", "e = AnError(text())"),
        ("def f():\n    return 1", "def f():\n    logger.info('one')\n    return 1"),
    ],
)
def test_equal_meanings_are_equal_texts(one: str, other: str) -> None:
    """Quotes, layout, docstrings, log lines and messages make no difference."""
    assert text(one) == text(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1.0"),
        ("x = '1'", "x = 1"),
        ("return_ = [None]", "return_ = []"),
        ("def f(): return", "def f(): return None"),
        ("x = f'{a}'", "x = f'{a!r}'"),
        ("x = f'{a}'", "x = f'{a:.2f}'"),
        ("f(*a)", "f(a)"),
        ("x = {**a}", "x = {None: a}"),
        ("raise A(Reason.EMPTY, 'text')", "raise A(Reason.MISSING, 'text')"),
        ("raise A('text')", "raise B('text')"),
        ("log(1)", "log(2)"),
    ],
)
def test_other_meanings_are_other_texts(one: str, other: str) -> None:
    """Types, conversions, starred arguments and the names in an exception make a difference."""
    assert text(one) != text(other)
