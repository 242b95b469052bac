"""The roll-back flow: what it refuses before it changes anything, and how it shows the history."""

from pathlib import Path

import pytest

from flows.commands.roll_back import check, history_lines, show_history
from tests.support.model_files import model_files
from vitrina.config.maintenance import RollBackConfig
from vitrina.errors import UserError
from vitrina.promotion.history import Change, append, keep, read_history, roll_back
from vitrina.store.artifacts import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with two promoted models."""
    store = open_store(str(tmp_path / "store"))
    for name in ("aa11", "bb22"):
        keep(store, model_files(tmp_path / "trained", name))
        change = Change(action="promotion", fingerprint=name, reason="better", details={})
        append(store, read_history(store), change)
    return store


def test_the_history_is_a_line_for_each_change(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Action, model and reason of each, and the current model last."""
    roll_back(store)
    show_history(RollBackConfig(output=store.root, list=True))
    lines = capsys.readouterr().out.splitlines()
    assert lines == history_lines(read_history(store))
    words = [line.split()[4:] for line in lines[:-1]]
    assert words == [
        ["promotion", "aa11", "better"],
        ["promotion", "bb22", "better"],
        ["roll-back", "bb22", "rolled", "back", "by", "hand"],
    ]
    assert lines[-1] == "current: aa11"
    roll_back(store)
    assert history_lines(read_history(store))[-1] == "current: the base model"


def test_what_cannot_be_rolled_back_is_refused(store: Store, tmp_path: Path) -> None:
    """No such folder, no promoted model, an unknown model; nothing is changed or created."""
    (tmp_path / "empty").mkdir()
    for output, to, message in (
        (str(tmp_path / "absent"), "", "absent does not exist"),
        (str(tmp_path / "empty"), "", "no promoted model, so there is nothing to go back to"),
        (store.root, "zz", "'zz' was never promoted"),
    ):
        with pytest.raises(UserError, match=message):
            check(RollBackConfig(output=output, to=to))
    assert len(read_history(store).records) == 2
    assert not list((tmp_path / "empty").iterdir())
    check(RollBackConfig(output=store.root))
    check(RollBackConfig(output=store.root, to="zz", list=True))


def test_a_store_of_another_layout_is_refused(store: Store) -> None:
    """Its history may mean something else."""
    (store.path / "vitrina-store.json").write_text('{"layout": 1}')
    with pytest.raises(UserError, match="layout 1"):
        check(RollBackConfig(output=store.root))
