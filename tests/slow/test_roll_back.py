"""Rolling back as a user does: the command line, and the pipeline's next run."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import command
from tests.support.model_files import model_files
from vitrina.promotion.history import Change, append, current_model, keep, read_history
from vitrina.store.artifacts import Store, open_store
from vitrina.store.files import listing


def current(store: Store) -> str | None:
    """The fingerprint of the current model."""
    model = current_model(store)
    return model.fingerprint if model else None


@pytest.mark.slow
def test_the_command_goes_back_and_shows_the_history(tmp_path: Path) -> None:
    """One command back, one to look; nothing to go back to, or no such folder, ends with 2."""
    store = open_store(str(tmp_path / "store"))
    for name in ("aa11", "bb22"):
        keep(store, model_files(tmp_path / "trained", name))
        change = Change(action="promotion", fingerprint=name, reason="better", details={})
        append(store, read_history(store), change)
    done = command("roll_back.py", "--output", store.root)
    assert done.returncode == 0, done.stderr
    assert current(store) == "aa11"
    assert "current: aa11" in done.stderr
    assert json.loads((store.path / "models" / "current").read_text())["fingerprint"] == "aa11"
    shown = command("roll_back.py", "--output", store.root, "--list")
    assert shown.returncode == 0, shown.stderr
    words = [line.split()[4:6] for line in shown.stdout.splitlines()[:-1]]
    assert words == [["promotion", "aa11"], ["promotion", "bb22"], ["roll-back", "bb22"]]
    assert shown.stdout.splitlines()[-1] == "current: aa11"
    assert command("roll_back.py", "--output", store.root, "--to", "bb").returncode == 0
    assert current(store) == "bb22"
    for arguments, message in (
        (("--output", tmp_path / "absent"), "absent does not exist"),
        (("--output", tmp_path / "trained"), "no promoted model, so there is nothing to go back"),
        (("--output", store.root, "--to", "zz"), "'zz' was never promoted"),
    ):
        refused = command("roll_back.py", *arguments)
        assert refused.returncode == 2, refused.stderr
        assert message in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert len(list(listing(store.path / "models" / "history"))) == 4


@pytest.mark.slow
def test_the_next_run_leaves_a_rolled_back_model_alone(tmp_path: Path) -> None:
    """Run, roll back, the same run again: trained from the store, not promoted, base embeds."""
    store = Store(root=str(tmp_path / "out"))
    line = ("--demo", "--demo_products", 60, "--train.num_epochs", 1, "--train.lr", 1e-4)
    run = ("pipeline.py", *line, "--gate.margin", -1, "--output", store.root)

    def embeddings() -> Path:
        done = command(*run)
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
        return (tmp_path / "out" / "embed" / "latest").resolve()

    printed: list[str] = []
    of_promoted, promoted = embeddings(), current(store)
    assert promoted
    assert command("roll_back.py", "--output", store.root).returncode == 0
    of_base = embeddings()
    assert of_base != of_promoted
    assert "the new model was rolled back" in printed[-1]
    assert current(store) is None
    assert embeddings() == of_base
    assert current(store) is None
    assert command("roll_back.py", "--output", store.root, "--to", promoted).returncode == 0
    assert embeddings() == of_promoted
    assert current(store) == promoted
