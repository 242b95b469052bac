"""Parameters as rows of a table: option, type with limits, default, description."""

import re
import types
from collections.abc import Container, Iterable, Iterator
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin

import tyro
from pydantic.fields import FieldInfo

from docs.tools.cells import code, escaped, table
from vitrina.config.parameters import Parameters

NAMES = {str: "text", int: "integer", float: "number", bool: "yes or no"}
LIMITS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def is_group(kind: Any) -> TypeGuard[type[Parameters]]:
    """Whether a field's type is a group of parameters."""
    return isinstance(kind, type) and issubclass(kind, Parameters)


def field_table(
    fields: Iterable[tuple[str, FieldInfo]], prefix: str = "", operational: Container[str] = ()
) -> str:
    """A table of fields as options with a prefix; those that are in no key are marked."""
    rows = [
        (
            _option(name, field, prefix) + ("°" if name in operational else ""),
            type_of(field),
            default_of(field),
            escaped(field.description or ""),
        )
        for name, field in fields
    ]
    return table(("option", "type", "default", ""), rows)


def _option(name: str, field: FieldInfo, prefix: str) -> str:
    """A field as it is written on a command line: an option, or a value at its place."""
    if tyro.conf.Positional in field.metadata:
        return code(name.upper())
    names = [one.name for one in field.metadata if getattr(one, "name", None)]
    return code(f"{prefix}{names[0] if names else name}")


def plain_fields(model: type[Parameters]) -> Iterator[tuple[str, FieldInfo]]:
    """The fields of a model that are no groups."""
    for name, field in model.model_fields.items():
        if not is_group(field.annotation):
            yield name, field


def type_of(field: FieldInfo) -> str:
    """The type of a field in words, with its limits."""
    return ", ".join([_type(field.annotation), *_limits(field.metadata)])


def _type(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return ", ".join([_type(arguments[0]), *_limits(arguments[1:])])
    if origin is Literal:
        return ", ".join(code(str(value)) for value in arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        plural = re.sub(r"^(text|integer|number)\b", r"\1s", _type(arguments[0]))
        return f"list of {plural}"
    if origin is tuple:
        return " and ".join(_type(one) for one in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(one) for one in arguments if one is not types.NoneType)
    return NAMES[kind]


def _limits(metadata: Iterable[Any]) -> list[str]:
    return [
        f"{sign} {getattr(one, name)}"
        for one in metadata
        for name, sign in LIMITS.items()
        if getattr(one, name, None) is not None
    ]


def default_of(field: FieldInfo) -> str:
    """The default of a field as it is written on a command line."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value == "" or value == ():
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return code(" ".join(map(str, value)))
    return code(str(value))
