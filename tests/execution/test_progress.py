"""The bar on a terminal, and silence elsewhere."""

import io

import pytest

from vitrina.execution.progress import terminal_bar


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def test_a_terminal_shows_name_count_and_total(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar ends where the last call left it; a count may be repeated."""
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with terminal_bar("resize", "row") as show:
        for done in (0, 3, 3, 7):
            show(done, 10)
    last = screen.getvalue().rsplit("\r", 1)[-1]
    assert "resize" in last
    assert "7/10" in last


def test_a_log_file_shows_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard error that is no terminal stays empty."""
    with terminal_bar("resize", "row") as show:
        show(5, 10)
    assert capsys.readouterr().err == ""
