"""The pages of the documentation, and checks of a command that one of them shows."""

import importlib
import re
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from prefect.cli._app import _app as prefect_command

from flows.cli import parse
from flows.command import Command
from flows.main import COMMANDS
from tests.support.processes import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md")),
]
PLACEHOLDERS = {"ID": "7f0f2a5e-0000-4000-8000-000000000000"}  # what a reader fills in
SHELL = {"cd", "cp", "curl", "echo", "export", "head", "mkdir", "sed", "source"}
OTHERS = SHELL | {"docker", "helm", "psql", "ray"}
"""Programs that are not ours, of which only the name is checked."""


def check_command(words: Sequence[str]) -> None:
    """Fail unless the program of a documented command would accept its arguments.

    Vitrina's and Prefect's are parsed by their own parsers, which run nothing.
    """
    program, *arguments = words
    name = program.removeprefix(".venv/bin/")
    if name == "vitrina":
        _check_vitrina(arguments)
    elif name == "python":
        _check_python(arguments)
    elif name == "prefect":
        given = [PLACEHOLDERS.get(one, one) for one in arguments]
        prefect_command.parse_args(given, exit_on_error=False, print_error=False)
    elif name == "make":
        _check_make(arguments)
    elif name == "pip":
        _check_extras(arguments)
    else:
        assert name in OTHERS, f"unknown program {name}: add it to OTHERS if it is none of ours"


def _check_vitrina(arguments: Sequence[str]) -> None:
    if not arguments or arguments[0].startswith("-"):
        return
    name, *rest = arguments
    assert name in COMMANDS, f"there is no command vitrina {name}"
    _parse(COMMANDS[name], rest)


def _check_python(arguments: Sequence[str]) -> None:
    if arguments[0] == "-m":
        assert find_spec(arguments[1]), f"there is no module {arguments[1]}"
        return
    if arguments[0].startswith("flows/"):
        module = next(
            one for one in COMMANDS.values() if one.rpartition(".")[2] == Path(arguments[0]).stem
        )
        _parse(module, arguments[1:])
        return
    assert (ROOT / arguments[0]).is_file(), f"there is no {arguments[0]}"


def _parse(module: str, arguments: Sequence[str]) -> None:
    """Parse the arguments of a command; files of parameters that a page makes up do not exist."""
    command: Command[Any] = importlib.import_module(module).COMMAND
    given = list(arguments)
    if {"--help", "--help-all", "-h"} & set(given):
        return
    if command.demo and "--config" in given:
        given[given.index("--config") + 1] = str(command.demo)
    try:
        parse(command.config, command.description, given, command.demo)
    except SystemExit as stop:
        pytest.fail(f"refused with exit code {stop.code}")


def _check_make(arguments: Sequence[str]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    wanted = {one for one in arguments if "=" not in one and not one.startswith("-")}
    assert wanted <= targets, f"the Makefile has no {wanted - targets}"


def _check_extras(arguments: Sequence[str]) -> None:
    text = (ROOT / "pyproject.toml").read_text()
    for one in arguments:
        for extra in re.findall(r"^\.\[([\w,]+)\]$", one):
            for name in extra.split(","):
                assert re.search(rf"^{name} = \[", text, re.MULTILINE), f"no extra {name}"


def bash_syntax_error(text: str) -> str:
    """What bash says against a text that it only parses; empty if nothing."""
    return subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True).stderr
