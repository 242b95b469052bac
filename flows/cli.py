"""The front of every command line: options from a pydantic model, short errors, exit codes.

0 is success, 1 a failed run, 2 wrong use or wrong input, answered in one or two lines.
"""

import argparse
import atexit
import difflib
import gc
import io
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn, TypeVar, cast

import tyro
import yaml
from prefect.exceptions import TerminationSignal
from prefect.logging.configuration import setup_logging
from prefect.settings import PREFECT_LOGGING_EXTRA_LOGGERS, temporary_settings
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from upath import UPath

from flows.option_names import with_option_names
from tasks.orchestration.local_server import bypass_proxies, prefect_server
from vitrina.config.parameters import Parameters
from vitrina.errors import UserError
from vitrina.execution.output_encoding import replace_unknown_characters
from vitrina.store.files import read_bytes
from vitrina.store.paths import to_path
from vitrina.store.s3_access import check_s3

Config = TypeVar("Config", bound=Parameters)
Result = TypeVar("Result")


def parse(
    model: type[Config],
    description: str | None,
    arguments: Sequence[str] | None = None,
    default_file: Path | None = None,
) -> Config:
    """The model that the command line describes; exits with 2 and a short message on wrong use.

    Options are written with underscores, as in the seed's scripts; hyphens work too. If an option
    is given twice, the last one counts. With a ``default_file`` there is ``--config FILE.yaml``,
    whose values are the defaults of the options; ``default_file`` is read when neither a file nor a
    catalogue is given.
    """
    replace_unknown_characters()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    file = None
    message = io.StringIO()
    try:
        if default_file:
            file, arguments = _config_file(arguments, default_file)
        default = from_file(model, file) if file else tyro.MISSING
        with redirect_stderr(message):
            return tyro.cli(
                model,
                args=arguments,
                default=default,
                description=description,
                use_underscores=True,
            )
    except UserError as error:
        refuse(str(error))
    except BrokenPipeError:  # --help | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or its last flush fails
        raise SystemExit from None
    except SystemExit as stop:
        if not stop.code:  # --help
            raise
        refuse(_reason(stop, message.getvalue()))


def _config_file(arguments: Sequence[str], default: Path) -> tuple[UPath | None, list[str]]:
    """The file to read parameters from, if any, and the arguments without ``--config``."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config")
    named, rest = parser.parse_known_args(arguments)
    if named.config is None and any(given.split("=")[0] == "--catalog" for given in rest):
        return None, rest
    return to_path(named.config or default), rest


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


def run(
    flow: Callable[[Config], Result], config: Config, check: Callable[[Config], None]
) -> Result:
    """Check the input, then run the flow in this process.

    Wrong input exits with 2, a failed run with 1. Ctrl-C and SIGTERM end it within seconds, with
    130 and 143, after what was done has been saved; a second Ctrl-C ends it at once.
    """
    # Skip the final garbage collection: 2.5 s over 800,000 objects.
    atexit.register(gc.freeze)
    bypass_proxies()
    signal.signal(signal.SIGINT, _interrupt_once)
    try:
        check_s3(config)
        check(config)
        with prefect_logs(), prefect_server():
            return flow(config)
    except UserError as error:
        refuse(with_option_names(str(error), type(config)))
    except KeyboardInterrupt:
        _end_interrupted(128 + signal.SIGINT)
    except TerminationSignal:
        _end_interrupted(128 + signal.SIGTERM)


def _interrupt_once(_signal: int, _frame: FrameType | None) -> NoReturn:
    """The first Ctrl-C interrupts; the next one ends the process where it is."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt


def _end_interrupted(code: int) -> NoReturn:
    """End now: threads that still wait for something must not hold up a person."""
    print("interrupted: run the same command again to resume.", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def refuse(message: str) -> NoReturn:
    """Say on standard error what is wrong, and exit with 2."""
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(2)


@contextmanager
def prefect_logs() -> Iterator[None]:
    """Our log lines beside Prefect's, and no traceback of a user's mistake or interruption."""
    with temporary_settings({PREFECT_LOGGING_EXTRA_LOGGERS: "vitrina,tasks,flows"}):
        setup_logging(incremental=False)
        # Not the handlers: a run replaces them.
        for name in ("prefect.flow_runs", "prefect.task_runs"):
            logging.getLogger(name).addFilter(_log_filter)
        yield


def _log_filter(record: logging.LogRecord) -> bool:
    """Leave out interruptions, and the user's mistakes: the command's last line reports these."""
    if record.exc_info and isinstance(record.exc_info[1], UserError):
        return False
    message = record.getMessage()
    return "Execution was aborted by" not in message and "UserError" not in message


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
