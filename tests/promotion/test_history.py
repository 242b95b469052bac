"""Going back to an earlier model: what can be chosen, the command line, and the next run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from test_flows import command
from upath import UPath

from flows.roll_back import history_lines
from vitrina.config import GateConfig
from vitrina.errors import UserError
from vitrina.promotion.gate import promote_if_better
from vitrina.promotion.history import current_model, read_history, roll_back
from vitrina.results import ModelResult
from vitrina.store.artifacts import Store
from vitrina.store.files import listing, remove, write_bytes
from vitrina.store.paths import to_path

Promote = Callable[[Store, str], ModelResult]


@pytest.fixture
def promote(tmp_path: Path) -> Promote:
    """Promote a model of this fingerprint over whatever is present, better or not."""

    def folder_of(name: str) -> ModelResult:
        folder = to_path(tmp_path / "trained" / name)
        for file in ("config.json", "bpe.model", "pytorch_model.bin"):
            write_bytes(folder / file, f"{file} of {name}".encode())
        return ModelResult(folder=str(folder), fingerprint=name)

    def take(store: Store, name: str) -> ModelResult:
        gate = GateConfig(margin=-1)
        figures = {gate.metric: 0.5}
        base, candidate = folder_of("base"), folder_of(name)
        result = promote_if_better(base, candidate, store, gate, lambda _: figures, {"split": {}})
        assert result.promoted
        return result.model

    return take


def present(store: Store) -> str | None:
    found = current_model(store)
    return found.fingerprint if found else None


def test_goes_to_the_model_that_is_named(place: UPath, promote: Promote) -> None:
    """By the beginning of its fingerprint, to base, and to one that was rolled back before."""
    store = Store(root=str(place))
    for name in ("aa11", "bb22", "cc33", "dd44"):
        promote(store, name)
    roll_back(store, "bb")
    assert present(store) == "bb22"
    assert [one.fingerprint for one in read_history(store).records[4:]] == ["dd44", "cc33"]
    roll_back(store, "cc33")  # it was rolled back with dd44; a person wants it again
    assert present(store) == "cc33"
    roll_back(store)
    assert present(store) == "bb22"
    assert roll_back(store, "base") is None
    assert present(store) is None
    roll_back(store, "dd44")
    assert present(store) == "dd44"
    lines = history_lines(read_history(store))
    assert "put back by hand" in lines[-2]
    assert lines[-1] == "present: dd44"


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ("ee", "'ee' was never promoted. Models to go back to: base, aa11, aa22"),
        ("aa", "'aa' begins the fingerprints of several models"),
        ("aa22", "aa22 is the present model already"),
    ],
)
def test_a_model_that_cannot_be_gone_back_to_is_refused(
    tmp_path: Path, promote: Promote, to: str, told: str
) -> None:
    """Unknown, ambiguous, present already: an error that names the models, and no change."""
    store = Store(root=str(tmp_path / "store"))
    promote(store, "aa11")
    promote(store, "aa22")
    with pytest.raises(UserError, match=told):
        roll_back(store, to)
    assert present(store) == "aa22"
    assert len(read_history(store).records) == 2


def test_a_model_whose_files_are_gone_is_not_put_back(tmp_path: Path, promote: Promote) -> None:
    """Rather the present model than one that the next run cannot open."""
    store = Store(root=str(tmp_path / "store"))
    first = to_path(promote(store, "aa11").folder)
    promote(store, "bb22")
    remove([first / "pytorch_model.bin"])
    with pytest.raises(UserError, match="aa11 is gone or not whole"):
        roll_back(store)
    assert present(store) == "bb22"


def test_the_command_goes_back_and_shows_the_history(tmp_path: Path, promote: Promote) -> None:
    """One command back, one to look; nothing to go back to, or no such folder, ends with 2."""
    store = Store(root=str(tmp_path / "store"))
    for name in ("aa11", "bb22"):
        promote(store, name)
    done = command("roll_back.py", "--output", store.root)
    assert done.returncode == 0, done.stderr
    assert present(store) == "aa11"
    assert "present: aa11" in done.stderr
    assert json.loads((store.path / "models" / "current").read_text())["fingerprint"] == "aa11"
    shown = command("roll_back.py", "--output", store.root, "--list")
    assert shown.returncode == 0, shown.stderr
    words = [line.split()[4:6] for line in shown.stdout.splitlines()[:-1]]
    assert words == [["promotion", "aa11"], ["promotion", "bb22"], ["roll-back", "bb22"]]
    assert shown.stdout.splitlines()[-1] == "present: aa11"
    assert command("roll_back.py", "--output", store.root, "--to", "bb").returncode == 0
    assert present(store) == "bb22"
    for arguments, told in (
        (("--output", tmp_path / "absent"), "absent does not exist"),
        (("--output", tmp_path / "trained"), "no promoted model, so there is nothing to go back"),
        (("--output", store.root, "--to", "zz"), "'zz' was never promoted"),
    ):
        refused = command("roll_back.py", *arguments)
        assert refused.returncode == 2, refused.stderr
        assert told in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert len(list(listing(store.path / "models" / "history"))) == 4


@pytest.mark.slow
def test_the_next_run_leaves_a_rolled_back_model_alone(tmp_path: Path) -> None:
    """Run, roll back, the same run again: trained from the store, not promoted, base embeds."""
    store = Store(root=str(tmp_path / "out"))
    line = ("--demo_products", 60, "--train.num_epochs", 1, "--train.lr", 1e-4)
    run = ("pipeline.py", *line, "--gate.margin", -1, "--output", store.root)

    def embeddings() -> Path:
        done = command(*run)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
        return (tmp_path / "out" / "embed" / "latest").resolve()

    said: list[str] = []
    of_promoted, promoted = embeddings(), present(store)
    assert promoted
    assert command("roll_back.py", "--output", store.root).returncode == 0
    of_base = embeddings()
    assert of_base != of_promoted
    assert "the new model was rolled back" in said[-1]
    assert present(store) is None
    assert embeddings() == of_base
    assert present(store) is None
    assert command("roll_back.py", "--output", store.root, "--to", promoted).returncode == 0
    assert embeddings() == of_promoted
    assert present(store) == promoted
