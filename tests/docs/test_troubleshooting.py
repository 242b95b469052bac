"""The page of messages: each is still a message of the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
MESSAGES = re.findall(r"^\| `([^`]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
GAP = "…"  # a value in a message


def texts(source: Path) -> Iterator[str]:
    """The texts of a module, with a gap for each value in them."""
    for node in ast.walk(ast.parse(source.read_bytes())):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                one.value if isinstance(one, ast.Constant) and isinstance(one.value, str) else GAP
                for one in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.fixture(scope="module")
def all_texts() -> list[str]:
    """The texts of the whole code, and the Makefile."""
    folders = ("vitrina", "flows", "tasks", "deployments")
    sources = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [
        *(text for source in sources for text in texts(source)),
        (ROOT / "Makefile").read_text("utf-8"),
    ]


def test_there_are_messages() -> None:
    """The pattern above finds them."""
    assert len(MESSAGES) > 30


@pytest.mark.parametrize("message", MESSAGES)
def test_the_message_exists(message: str, all_texts: list[str]) -> None:
    """Its words stand in one text of the code, in this order, values between them."""
    parts = [re.escape(part.strip()) for part in message.split(GAP) if part.strip()]
    pattern = re.compile(".*?".join(parts), re.DOTALL)
    assert any(pattern.search(text) for text in all_texts), message
