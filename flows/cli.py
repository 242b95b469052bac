"""Command lines: options from a pydantic model, and wrong use answered in one or two lines.

Nothing here imports Prefect: help and refusals answer at once.
"""

import argparse
import difflib
import inspect
import io
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar, cast

import tyro
import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from upath import UPath

from vitrina.config.parameters import Parameters
from vitrina.errors import UserError
from vitrina.execution.output_encoding import replace_unknown_characters
from vitrina.store.files import read_bytes
from vitrina.store.paths import to_path
from vitrina.store.s3_access import check_s3

Config = TypeVar("Config", bound=Parameters)


def parse(
    model: type[Config],
    description: str | None,
    arguments: Sequence[str] | None = None,
    demo: Path | None = None,
    prog: str | None = None,
) -> Config:
    """The model that the command line describes; exits with 2 and a short message on wrong use.

    Options are written with underscores, as in the seed's scripts; hyphens work too. If an option
    is given twice, the last one counts. With ``demo``, a file of parameters, there are
    ``--config FILE.yaml``, whose values are the defaults of the options, and ``--demo``, the same
    with that file, which no argument at all means too.
    """
    replace_unknown_characters()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    file = None
    message = io.StringIO()
    try:
        if demo:
            file, arguments = _config_file(arguments, demo)
        default = from_file(model, file) if file else tyro.MISSING
        _describe_groups(model)
        with redirect_stderr(message):
            return tyro.cli(
                model,
                args=arguments,
                default=default,
                prog=prog,
                description=description,
                use_underscores=True,
            )
    except UserError as error:
        refuse(str(error))
    except BrokenPipeError:  # --help-all | head
        _end_quietly()
    except SystemExit as stop:
        if not stop.code:  # --help
            raise
        refuse(_reason(stop, message.getvalue()))


def _describe_groups(model: type[Parameters]) -> None:
    """Give each group the description of its class; to find it, tyro would parse the sources."""
    for field in model.model_fields.values():
        kind = field.annotation
        if field.description is None and isinstance(kind, type) and issubclass(kind, Parameters):
            field.description = inspect.getdoc(kind)
            _describe_groups(kind)


def _config_file(arguments: Sequence[str], demo: Path) -> tuple[UPath | None, list[str]]:
    """The file to read parameters from, if any, and the arguments without the option that names it.

    Raises UserError if there are arguments, but neither a file nor a catalogue nor the demo.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config")
    parser.add_argument("--demo", action="store_true")
    named, rest = parser.parse_known_args(arguments)
    options = {given.split("=")[0] for given in rest}
    if named.demo and (named.config or "--catalog" in options):
        raise UserError("--demo draws its own catalogue: leave out --config and --catalog.")
    if named.demo or not arguments:
        return to_path(demo), rest
    if named.config:
        return to_path(named.config), rest
    if not options & {"--catalog", "--help", "-h"}:
        mistyped = difflib.get_close_matches("--catalog", options, 1)
        raise UserError(
            "no catalogue is named. Give --catalog and --images, or --config FILE.yaml, or --demo "
            "for the embedded demo."
            + "".join(f" There is no option {one}: did you mean --catalog?" for one in mistyped)
        )
    return None, rest


def from_file(model: type[Config], path: UPath) -> Config:
    """The model with the values of a YAML file; options must give the required ones that it lacks.

    Raises UserError naming the file, and the parameter that is unknown or has a wrong value.
    """
    try:
        check_s3(str(path))
        content = yaml.safe_load(read_bytes(path)) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} has no parameters: expected lines such as 'catalog: x'.")
    try:
        return _with_values(model, content)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _with_values(model: type[Config], content: Mapping[str, Any], group: str = "") -> Config:
    """A model of checked values, in which required fields may still be missing."""
    fields = model.model_fields
    for name in content:
        if name not in fields:
            near = difflib.get_close_matches(str(name), fields, n=1)
            hint = f"Did you mean {group}{near[0]}?" if near else f"Known: {', '.join(fields)}."
            raise UserError(f"there is no parameter {group}{name}. {hint}")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in content:
            values[name] = _value(field, content[name], f"{group}{name}")
        elif field.is_required():
            values[name] = tyro.MISSING
    return cast(Config, model.model_construct(**values))  # typed as the base class


def _value(field: FieldInfo, value: Any, name: str) -> Any:
    """The value of a field, checked, or the values of a group."""
    kind: Any = field.annotation
    is_group = isinstance(kind, type) and issubclass(kind, Parameters)
    if value is None and (is_group or field.default == ""):
        return field.get_default(call_default_factory=True)  # a line that was left empty
    try:
        if not is_group:
            return TypeAdapter(Annotated[kind, field]).validate_python(value)
        if not isinstance(value, dict):
            raise UserError(
                f"{name} is a group of parameters; below it expected lines like 'a: 1'."
            )
        return kind.model_validate(dict(_with_values(kind, value, f"{name}.")))
    except ValidationError as error:
        raise UserError(f"{name}: {_message(error.errors()[0])}") from error


def print_help(text: str) -> None:
    """Print a help, of which the reader may take only the beginning."""
    try:
        print(text, flush=True)
    except BrokenPipeError:  # --help | head
        _end_quietly()


def _end_quietly() -> NoReturn:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or its last flush fails
    raise SystemExit from None


def refuse(message: str) -> NoReturn:
    """Say on standard error what is wrong, and exit with 2."""
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(2)


def _reason(stop: SystemExit, printed: str) -> str:
    """What tyro refused, in a line: pydantic's words by option, or its own without their frame."""
    cause: BaseException | None = stop
    while cause is not None and not isinstance(cause, ValidationError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return _without_frame(printed)
    group = re.search(r"Error parsing ([a-z_.]+):", printed)
    names = [group[1]] if group else []
    return "; ".join(_describe_error(names, error) for error in cause.errors(include_url=False))


def _describe_error(group: list[str], error: ErrorDetails) -> str:
    """A refused value by its option, or the validator's message if it concerns several options."""
    option = ".".join(map(str, [*group, *error["loc"]]))
    if error["loc"]:
        return f"--{option}: {_message(error)}, got {error['input']!r}"
    return f"--{option}.*: {_message(error)}" if option else _message(error)


def _message(error: ErrorDetails) -> str:
    return error["msg"].removeprefix("Value error, ")


def _without_frame(printed: str) -> str:
    """tyro's message on one line, without its box, the options' descriptions and the last hint."""
    inside = [line[2:].rstrip(" │") for line in printed.splitlines()[1:]]
    told = [line.strip() for line in inside if not line.startswith(("─", "-----", " " * 8))]
    message = " ".join(told).split("Argument helptext:")[0].split("For full helptext")[0]
    return f"{message.strip()} (--help lists the options)"
