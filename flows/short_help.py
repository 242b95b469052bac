"""The help of a command with many options: those that people use first."""

import shutil
import textwrap
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from vitrina.config.parameters import Parameters

INDENT = 6
FILES = {
    "config": ("FILE.yaml", "Read parameters from a YAML file; an option beside it wins."),
    "demo": ("", "Run on the embedded demo."),
}
"""Options that are no parameters, of commands that have a demo."""


def short_help(
    model: type[Parameters], description: str | None, first: Sequence[str], prog: str
) -> str:
    """Usage, description and the options named in ``first``, a parameter of a group as ``a.b``."""
    width = min(shutil.get_terminal_size().columns, 100)
    lines = [f"usage: {prog} [options]", "", (description or "").strip(), "", "options:"]
    for name in first:
        lines += _option(model, name, width)
    rest = _count(model) - sum(name not in FILES for name in first)
    return "\n".join([*lines, "", f"{prog} --help-all lists the other {rest} options."])


def _option(model: type[Parameters], name: str, width: int) -> list[str]:
    if name in FILES:
        value, text = FILES[name]
    else:
        field = _field(model, name)
        value, text = _value(field), f"{field.description} {_default(field)}"
    wrapped = textwrap.wrap(text.strip(), width - INDENT)
    return [f"  --{name} {value}".rstrip(), *(" " * INDENT + line for line in wrapped)]


def _field(model: type[Parameters], name: str) -> FieldInfo:
    group, _, rest = name.partition(".")
    field = model.model_fields[group]
    return _field(field.annotation, rest) if rest else field  # type: ignore[arg-type]  # a group


def _value(field: FieldInfo) -> str:
    kind: Any = field.annotation
    if kind is bool:
        return ""
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    if get_origin(kind) is tuple:
        kinds = [one for one in get_args(kind) if one is not Ellipsis]
        repeated = " ..." if Ellipsis in get_args(kind) else ""
        return " ".join(_name(one) for one in kinds) + repeated
    return _name(kind)


def _name(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    names = {int: "INT", float: "FLOAT", str: "TEXT"}
    options = [one for one in (kind, *get_args(kind)) if one in names]
    return names[options[0]] if options else "VALUE"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "(required)"
    if field.default in (None, "", False, ()):
        return ""
    value = field.default
    shown = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f"(default: {shown})"


def _count(model: type[Parameters]) -> int:
    """The parameters of a model and of its groups."""
    kinds = [field.annotation for field in model.model_fields.values()]
    groups = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Parameters)]
    return len(kinds) - len(groups) + sum(map(_count, groups))
