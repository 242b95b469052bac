"""Everything that Vitrina does, as one command.

    vitrina COMMAND --help

The scripts of this folder are the same commands: ``python flows/pipeline.py`` is ``vitrina run``.
"""

import ast
import difflib
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.no_gc import no_gc

with no_gc():
    from flows.cli import parse, print_help, refuse
    from flows.command import Command
    from flows.short_help import short_help

HELP_ALL = ("--help-all", "--help_all")
COMMANDS = {
    "run": "flows.commands.pipeline",
    "preprocess": "flows.commands.data_preprocessing",
    "train": "flows.commands.train_model",
    "embed": "flows.commands.generate_embeddings",
    "inspect": "flows.inspect_catalog",
    "search": "flows.search",
    "duplicates": "flows.commands.duplicates",
    "serve": "flows.serve",
    "push": "flows.commands.push",
    "health": "flows.commands.health",
    "export-onnx": "flows.export_onnx",
    "classify": "flows.commands.classify",
    "roll-back": "flows.commands.roll_back",
    "prune": "flows.prune",
    "server": "flows.server",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the first argument names."""
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help", "help"):
        print_help(overview())
    elif name in COMMANDS:
        run_command(COMMANDS[name], rest, f"vitrina {name}")
    else:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(COMMANDS)}."
        refuse(f"there is no command {name!r}. {hint}")


def script(module: str) -> None:
    """Run the command of a script in ``flows/``, with the arguments of this process."""
    run_command(module, sys.argv[1:], Path(sys.argv[0]).name)


def run_command(module: str, arguments: Sequence[str], prog: str) -> None:
    """Parse the arguments and do what they ask for."""
    with no_gc():
        command: Command[Any] = importlib.import_module(module).COMMAND
        if command.first and {"-h", "--help"} & set(arguments):
            print_help(short_help(command.config, command.description, command.first, prog))
            return
        arguments = ["--help" if one in HELP_ALL else one for one in arguments]
        config = parse(command.config, command.description, arguments, command.demo, prog)
    command.main(config)


def overview() -> str:
    """The help: each command with the first line of its own help."""
    lines = [f"  {name:<12} {_summary(module)}" for name, module in COMMANDS.items()]
    return "\n".join(["usage: vitrina COMMAND [options]", "", *lines, "", "vitrina COMMAND --help"])


def _summary(module: str) -> str:
    """The first line of a module's docstring, read without importing the module."""
    source = Path(__file__).parents[1].joinpath(*module.split(".")).with_suffix(".py")
    text = ast.get_docstring(ast.parse(source.read_bytes())) or ""
    return text.partition("\n")[0]


if __name__ == "__main__":
    main()
