"""What is taken from a page's fenced blocks."""

from pathlib import Path

import pytest

from docs.tools.blocks import blocks, commands


def test_blocks_have_their_language_line_and_mark(tmp_path: Path) -> None:
    """A comment counts for the block right after it, and for no other."""
    page = tmp_path / "page.md"
    page.write_text(
        "# Title\n\n<!-- test: background -->\n\n```bash\nsleep 1\n```\n\n"
        "text\n\n- a list\n\n  ```python\n  x = 1\n  ```\n\n```\nplain\n```\n"
    )
    found = [(one.line, one.language, one.text, one.mark) for one in blocks(page)]
    assert found == [
        (6, "bash", "sleep 1\n", "background"),
        (14, "python", "x = 1\n", ""),
        (18, "", "plain\n", ""),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("make run  # a remark", [["make", "run"]]),
        ("a \\\n    --b 'c d'\ne", [["a", "--b", "c d"], ["e"]]),
        ("export X=1\nY=2 Z='3 4' run --it", [["export", "X=1"], ["run", "--it"]]),
        ("one | two && three &", [["one"], ["two"], ["three"]]),
        ("run 'several\nlines' --x\nnext", [["run", "several\nlines", "--x"], ["next"]]),
        ("\n# only a remark\n", []),
    ],
)
def test_commands_of_a_bash_text(text: str, expected: list[list[str]]) -> None:
    """Continued lines, quoted lines, remarks, variables and operators, as a shell reads them."""
    assert commands(text) == expected


def test_an_open_quotation_mark_is_refused() -> None:
    """It would swallow the commands after it."""
    with pytest.raises(ValueError, match="not closed"):
        commands("run 'it\nnext")
