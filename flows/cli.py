"""The front of every command line: options from a pydantic model, short errors, exit codes.

0 is success, 1 a failed run, 2 wrong use or wrong input, answered in one or two lines.
"""

import argparse
import atexit
import gc
import io
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import tyro
import yaml
from prefect.logging.configuration import setup_logging
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_LOGGING_EXTRA_LOGGERS,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS,
    PREFECT_SERVER_LOGGING_LEVEL,
    temporary_settings,
)
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from upath import UPath

from vitrina.config import Parameters
from vitrina.errors import UserError
from vitrina.store.files import read_bytes
from vitrina.store.paths import to_path

Config = TypeVar("Config", bound=Parameters)
Result = TypeVar("Result")


def parse(
    model: type[Config],
    description: str | None,
    arguments: Sequence[str] | None = None,
    default_file: Path | None = None,
) -> Config:
    """The model that the command line describes; exits with 2 and a short message on wrong use.

    Options are written with underscores, as in the seed's scripts; hyphens work too. Of an option
    that is given twice the last one counts. With a ``default_file`` there is ``--config``, see
    :func:`with_config_file`.
    """
    arguments, named = list(sys.argv[1:] if arguments is None else arguments), None
    if default_file:
        arguments, named = with_config_file(arguments, default_file)
    message = io.StringIO()
    try:
        with redirect_stderr(message):
            return tyro.cli(model, args=arguments, description=description, use_underscores=True)
    except BrokenPipeError:  # --help | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or its last flush fails
        raise SystemExit from None
    except SystemExit as stop:
        if not stop.code:  # --help
            raise
        also = f"; parameters were read from {named} too" if named else ""
        refuse(_reason(stop, message.getvalue()) + also)


def with_config_file(arguments: Sequence[str], default: Path) -> tuple[list[str], UPath | None]:
    """The arguments with those of ``--config FILE.yaml`` before them, which they win over.

    Beside them the file, if one is named. ``default`` is read when neither a file nor a catalogue
    is.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config")
    named, rest = parser.parse_known_args(arguments)
    if named.config is None and any(given.split("=")[0] == "--catalog" for given in rest):
        return rest, None
    path = to_path(named.config or default)
    try:
        content = yaml.safe_load(read_bytes(path)) or {}
        if not isinstance(content, dict):
            raise UserError(f"{path} holds no parameters: expected lines such as 'catalog: x'.")
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        refuse(f"{path} is not YAML: {str(error).splitlines()[0]}")
    except UserError as error:
        refuse(str(error))
    return [*options(content), *rest], path if named.config else None


def options(content: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """A nested mapping as command-line options: {"train": {"lr": 1}} as --train.lr 1."""
    for name, value in content.items():
        match value:
            case dict():
                yield from options(value, f"{prefix}{name}.")
            case bool():
                yield f"--{prefix}{'' if value else 'no_'}{name}"
            case list():
                yield from (f"--{prefix}{name}", *map(str, value))
            case _:
                yield from (f"--{prefix}{name}", str(value))


def run(
    flow: Callable[[Config], Result], config: Config, check: Callable[[Config], None]
) -> Result:
    """Check the input, then run the flow; wrong input exits with 2, a failed run with 1."""
    # Or Python looks for garbage among 800,000 objects before it ends, for 2.5 s.
    atexit.register(gc.freeze)
    try:
        check(config)
        with quiet_prefect():
            return flow(config)
    except UserError as error:
        refuse(str(error))
    except KeyboardInterrupt:
        print("interrupted: run the same command again to go on.", file=sys.stderr)
        raise SystemExit(130) from None


def refuse(message: str) -> NoReturn:
    """Say on standard error what is wrong, and exit with 2."""
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(2)


@contextmanager
def quiet_prefect() -> Iterator[None]:
    """Prefect with our logs beside its own and, where no server is set, a quiet one of its own."""
    settings: dict[Any, Any] = {PREFECT_LOGGING_EXTRA_LOGGERS: "vitrina,tasks,flows"}
    if not PREFECT_API_URL.value():
        settings |= {
            PREFECT_SERVER_ANALYTICS_ENABLED: False,
            PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: 120,
            PREFECT_SERVER_LOGGING_LEVEL: "CRITICAL",
        }
    with temporary_settings(settings):
        setup_logging(incremental=False)
        # Not the handlers: a run replaces them.
        for name in ("prefect.flow_runs", "prefect.task_runs"):
            logging.getLogger(name).addFilter(_without_users_traceback)
        yield


def _without_users_traceback(record: logging.LogRecord) -> bool:
    """A wrong input is told by its message; a traceback helps only with our own mistakes."""
    if record.exc_info and isinstance(record.exc_info[1], UserError):
        record.exc_info = None
    return True


def _reason(stop: SystemExit, printed: str) -> str:
    """What tyro refused, in a line: pydantic's words by option, or its own without their frame."""
    cause: BaseException | None = stop
    while cause is not None and not isinstance(cause, ValidationError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return _without_frame(printed)
    group = re.search(r"Error parsing ([a-z_.]+):", printed)
    names = [group[1]] if group else []
    return "; ".join(_wrong(names, error) for error in cause.errors(include_url=False))


def _wrong(group: list[str], error: ErrorDetails) -> str:
    """A refused value by its option; what does not go together, in the model's own words."""
    option = ".".join(map(str, [*group, *error["loc"]]))
    message = error["msg"].removeprefix("Value error, ")
    if error["loc"]:
        return f"--{option}: {message}, got {error['input']!r}"
    return f"--{option}.*: {message}" if option else message


def _without_frame(printed: str) -> str:
    """tyro's message on one line, without its box, the options' descriptions and the last hint."""
    inside = [line[2:].rstrip(" │") for line in printed.splitlines()[1:]]
    told = [line.strip() for line in inside if not line.startswith(("─", "-----", " " * 8))]
    message = " ".join(told).split("Argument helptext:")[0].split("For full helptext")[0]
    return f"{message.strip()} (--help lists the options)"
