"""The expressions that an image pattern may have: ``nm // 1000``, ``nm[:3]``, ``brend.lower()``.

Only what is listed here can be written, so an expression reads nothing but the row's values, and
its result stays small. A value is an integer or a text: arithmetic takes a text of digits for the
integer, slices and methods take an integer for its digits. A column whose name is not a word stands
between backticks; words with spaces between them need none where they are the whole expression.
"""

import ast
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from typing import NamedTuple

Value = int | str
Evaluate = Callable[[Mapping[str, Value]], Value]

MAX_BITS = 256  # of any integer: two texts of 38 digits multiplied still fit
MAX_NODES = 100  # of the syntax tree: deeper than any path needs, far from Python's own limit
INTEGER = re.compile(r"[+-]?[0-9]{1,38}")
WORDS = re.compile(r"[^\W\d]\w*(?: +\w+)*")
QUOTED = re.compile(r"`([^`]+)`")
METHODS: dict[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "strip": str.strip,
}
ARITHMETIC: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


class UnfitValueError(ValueError):
    """A row's value does not fit the pattern: no integer, or too short for an index."""


class Expression(NamedTuple):
    """A compiled expression."""

    columns: tuple[str, ...]  # that it needs, each once
    evaluate: Evaluate  # of a row's values of them; raises UnfitValueError


class Term(NamedTuple):
    """A part of an expression."""

    evaluate: Evaluate
    is_text: bool  # a text, whatever the row's values are


def compile_expression(source: str) -> Expression:
    """The expression that a source stands for.

    Raises ValueError, saying what is not allowed, for anything but columns, integers, texts, ``+``,
    ``-``, ``*``, ``//``, ``%``, slices, parentheses and the three methods.
    """
    source = source.strip()
    if WORDS.fullmatch(source):
        return Expression((source,), lambda row: row[source])
    quoted = list(dict.fromkeys(QUOTED.findall(source)))
    tree = _parse(source, quoted)
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return Expression(tuple(dict.fromkeys(names)), _compile(tree).evaluate)


def _parse(source: str, quoted: list[str]) -> ast.expr:
    """The syntax tree; names between backticks stand in it as they are."""
    stand_ins = {f"_quoted_{number}_": name for number, name in enumerate(quoted)}
    by_name = {name: stand_in for stand_in, name in stand_ins.items()}
    try:
        with warnings.catch_warnings(action="ignore"):  # of what Python will refuse one day
            tree = ast.parse(QUOTED.sub(lambda found: by_name[found[1]], source), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"{source!r} is no expression") from error
    nodes = list(ast.walk(tree))
    if len(nodes) > MAX_NODES:
        raise ValueError(f"an expression of {len(nodes)} parts is too long")
    for node in nodes:
        if isinstance(node, ast.Name):
            node.id = stand_ins.get(node.id, node.id)
    return tree


def as_integer(value: Value) -> int:
    """An integer, or the one that a text of digits stands for. Raises UnfitValueError."""
    if isinstance(value, int):
        return value
    if not INTEGER.fullmatch(value):
        raise UnfitValueError(f"{value[:40]!r} is no integer")
    return int(value)


def _compile(node: ast.expr) -> Term:
    match node:
        case ast.Name(id=name):
            return Term(lambda row: row[name], is_text=False)
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | str() as constant):
            return _constant(constant)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _negative(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            return _binary(left, op, right)
        case ast.Subscript(value=value, slice=index):
            return _subscript(_compile(value), index)
        case ast.Call(func=ast.Attribute(value=value, attr=attr), args=[], keywords=[]):
            if attr in METHODS:
                return _method(_compile(value), METHODS[attr])
    raise ValueError(
        f"{ast.unparse(node)} is not allowed: use columns, numbers, + - * // %, slices such as "
        "[:3], .lower(), .upper() and .strip()"
    )


def _constant(value: Value) -> Term:
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise ValueError("the number is too large")
    return Term(lambda _row: value, is_text=isinstance(value, str))


def _negative(operand: ast.expr) -> Term:
    value = _number(operand)
    return Term(lambda row: -value(row), is_text=False)


def _binary(left: ast.expr, op: ast.operator, right: ast.expr) -> Term:
    first, second = _compile(left), _compile(right)
    if isinstance(op, ast.Add) and (first.is_text or second.is_text):
        return Term(lambda row: f"{first.evaluate(row)}{second.evaluate(row)}", is_text=True)
    one, other, calculate = _number(left), _number(right), ARITHMETIC[type(op)]
    return Term(lambda row: _bounded(calculate, one(row), other(row)), is_text=False)


def _bounded(calculate: Callable[[int, int], int], one: int, other: int) -> int:
    try:
        result = calculate(one, other)
    except ZeroDivisionError as error:
        raise UnfitValueError("division by zero") from error
    if result.bit_length() > MAX_BITS:
        raise UnfitValueError("the number is too large")
    return result


def _number(node: ast.expr) -> Callable[[Mapping[str, Value]], int]:
    """An operand of arithmetic. Raises ValueError for one that is always a text."""
    term = _compile(node)
    if term.is_text:
        raise ValueError(f"{ast.unparse(node)} is a text, with which cannot be calculated")
    return lambda row: as_integer(term.evaluate(row))


def _subscript(value: Term, index: ast.expr) -> Term:
    def text(row: Mapping[str, Value]) -> str:
        return str(value.evaluate(row))

    if not isinstance(index, ast.Slice):
        position = _number(index)
        return Term(lambda row: _character(text(row), position(row)), is_text=True)
    if index.step is not None:
        raise ValueError(f"[{ast.unparse(index)}] is not allowed: a slice has no step")
    start, stop = (
        (lambda _row: None) if bound is None else _number(bound)
        for bound in (index.lower, index.upper)
    )
    return Term(lambda row: text(row)[start(row) : stop(row)], is_text=True)


def _character(text: str, position: int) -> str:
    try:
        return text[position]
    except IndexError as error:
        raise UnfitValueError(f"{text[:40]!r} has no character {position}") from error


def _method(value: Term, method: Callable[[str], str]) -> Term:
    return Term(lambda row: method(str(value.evaluate(row))), is_text=True)
