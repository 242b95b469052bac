"""What a command does around its work: the environment in which Prefect is imported."""

import os

import pytest

from flows.run import EXTRA_LOGGERS, before_prefect


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (None, "vitrina,tasks,flows"),
        ("", "vitrina,tasks,flows"),
        ("shop", "shop,vitrina,tasks,flows"),
        ("vitrina,tasks,flows", "vitrina,tasks,flows"),
    ],
)
def test_our_loggers_come_beside_those_of_the_user(
    named: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefect takes the log lines of those that a variable of the environment names."""
    if named is None:
        monkeypatch.delenv(EXTRA_LOGGERS, raising=False)
    else:
        monkeypatch.setenv(EXTRA_LOGGERS, named)
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    before_prefect()
    assert os.environ[EXTRA_LOGGERS] == expected
    assert os.environ["DO_NOT_TRACK"] == "1"
    monkeypatch.setenv("DO_NOT_TRACK", "0")
    before_prefect()
    assert os.environ["DO_NOT_TRACK"] == "0"
