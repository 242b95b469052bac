"""The command that finds duplicates: what it refuses before anything starts."""

from pathlib import Path

import pytest

from flows.cli import parse
from flows.commands.duplicates import check
from tests.support.searched_run import SearchedRun, embedded_run
from vitrina.config.duplicates import FindDuplicatesConfig
from vitrina.errors import UserError
from vitrina.store.paths import to_path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SearchedRun:
    """Forty listings, embedded into a store."""
    folder = tmp_path_factory.mktemp("duplicates")
    return embedded_run(to_path(folder / "output"), folder)


def config(*arguments: str) -> FindDuplicatesConfig:
    """The options of a command line."""
    return parse(FindDuplicatesConfig, "", [*arguments])


def test_columns_are_looked_for_first(shop: SearchedRun, tmp_path: Path) -> None:
    """A wrong one is named, and so is an output without a run."""
    output = ("--output", shop.store.root)
    check(config(*output, "--group_column", "category"))
    with pytest.raises(UserError, match=r"no column 'categori'.*Did you mean 'category'"):
        check(config(*output, "--distinct_columns", "nm", "categori"))
    with pytest.raises(UserError, match="no finished embedding"):
        check(config("--output", str(tmp_path)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--precision", "1.5"), "--precision: Input should be less than or equal to 1"),
        (("--cosine", "high"), "--cosine"),
        (("--exact_rows", "-1"), "--exact_rows"),
    ],
)
def test_wrong_options_are_refused_in_a_line(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By name."""
    with pytest.raises(SystemExit) as stop:
        config(*arguments)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
