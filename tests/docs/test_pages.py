"""Every block of the README and the docs: its commands are accepted, its Python compiles."""

import ast
import importlib

import pytest
import yaml

from docs.tools.blocks import Block, blocks, commands
from tests.support.documented import PAGES, ROOT, bash_syntax_error, check_command

BLOCKS = [block for page in PAGES for block in blocks(page)]


def of(language: str) -> list[object]:
    """The blocks of a language, each with its page and line as a name."""
    return [
        pytest.param(one, id=f"{one.page.relative_to(ROOT)}:{one.line}")
        for one in BLOCKS
        if one.language == language
    ]


@pytest.mark.parametrize("block", of("bash"))
def test_commands_are_accepted(block: Block) -> None:
    """By the parser of the program that would run them."""
    assert not bash_syntax_error(block.text)
    for words in commands(block.text):
        check_command(words)


@pytest.mark.parametrize("block", of("python"))
def test_python_compiles_and_its_imports_resolve(block: Block) -> None:
    """Every module exists, and has the names that are imported from it."""
    tree = ast.parse(block.text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                importlib.import_module(one.name)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            assert all(hasattr(module, one.name) for one in node.names)


@pytest.mark.parametrize("block", of("yaml"))
def test_yaml_is_yaml(block: Block) -> None:
    """And holds something."""
    assert yaml.safe_load(block.text)


def test_every_block_names_a_known_language() -> None:
    """So that none escapes the checks by a spelling."""
    known = {"bash", "python", "yaml", "sql", "ini", "text", "json", ""}
    assert {one.language for one in BLOCKS} <= known
