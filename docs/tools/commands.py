"""The page of all commands: what each does, its examples, and its options."""

import importlib
import re
import textwrap
from typing import Any

from docs.tools.cells import escaped, page
from docs.tools.fields import field_table, is_group, plain_fields
from docs.tools.parameters import groups
from flows.command import Command
from flows.main import COMMANDS
from vitrina.config.parameters import Parameters

INTRODUCTION = """# Commands

`vitrina` lists the commands, `vitrina COMMAND --help` shows what people use first, `--help-all`
all options. Each command is also a script in `flows/`: `python flows/search.py` is `vitrina
search`.

Exit codes: 0 success, 1 a failed run, 2 wrong use or wrong input (explained in a line or two),
130 and 143 interrupted by Ctrl-C or SIGTERM: the same command resumes. Every path may be
`s3://bucket/…`."""


def commands_page() -> str:
    """The page."""
    return page(INTRODUCTION, *(_section(*one) for one in COMMANDS.items()))


def _section(name: str, module: str) -> str:
    command: Command[Any] = importlib.import_module(module).COMMAND
    script = f"python flows/{module.rpartition('.')[2]}.py"
    prose = _prose((command.description or "").replace(script, f"vitrina {name}"))
    parts = [f"## vitrina {name}", prose, _options(name, command.config)]
    return "\n\n".join(part for part in parts if part)


def _prose(description: str) -> str:
    """A command's help as Markdown: its examples are a block of bash."""
    paragraphs = []
    for paragraph in description.strip().split("\n\n"):
        if paragraph.startswith("    "):  # an example a line, with a remark after spaces
            lines = re.sub(r"(?<=\S) {2,}(?=\S)", "  # ", textwrap.dedent(paragraph))
            paragraphs.append(f"```bash\n{lines}\n```")
        elif paragraph.startswith("vitrina "):  # one example over several lines
            lines = paragraph.replace("\n", " \\\n")
            paragraphs.append(f"```bash\n{lines}\n```")
        else:
            paragraphs.append(escaped(paragraph.replace("\n", " ")))
    return "\n\n".join(paragraphs)


def _options(name: str, config: type[Parameters]) -> str:
    """The options of a command; those of the pipeline's groups are links to them."""
    if name == "run":
        return "All options: [Parameters](parameters.md)."
    shared = {group: model for group, model in groups().items() if issubclass(config, model)}
    known = {field for model in shared.values() for field in model.model_fields}
    own = [(field, info) for field, info in plain_fields(config) if field not in known]
    nested = [field for field, info in config.model_fields.items() if is_group(info.annotation)]
    links = [f"[{group}](parameters.md#{group})" for group in shared]
    also = f"Also the parameters of {' and '.join(links)}, without prefix" if links else ""
    also += "".join(f", and of [{one}](parameters.md#{one}), with it" for one in nested)
    return "\n\n".join(part for part in (field_table(own, "--"), also and f"{also}.") if part)
