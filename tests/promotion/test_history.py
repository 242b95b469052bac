"""The history of the current model: what is recorded, lost, raced for and gone back to."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from upath import UPath

from tests.support.model_files import model_files
from vitrina.errors import UserError
from vitrina.promotion.history import (
    Change,
    History,
    append,
    current_model,
    keep,
    read_history,
    roll_back,
)
from vitrina.results import ModelResult
from vitrina.store.artifacts import Store, check_layout
from vitrina.store.files import listing, remove, write_bytes
from vitrina.store.paths import to_path

Promote = Callable[[Store, str], ModelResult]


def promotion(fingerprint: str) -> Change:
    return Change(action="promotion", fingerprint=fingerprint, reason="better", details={})


@pytest.fixture
def store(place: UPath) -> Store:
    """A store on this machine, and one in a bucket."""
    return Store(root=str(place))


@pytest.fixture
def local_store(tmp_path: Path) -> Store:
    """A store on this machine."""
    return Store(root=str(tmp_path / "store"))


@pytest.fixture
def promote(tmp_path: Path) -> Promote:
    """Promote a model of this fingerprint over whatever is current."""

    def promote(store: Store, name: str) -> ModelResult:
        kept = keep(store, model_files(tmp_path / "trained", name))
        assert append(store, read_history(store), promotion(name))
        return kept

    return promote


def current(store: Store) -> str | None:
    """The fingerprint of the current model."""
    model = current_model(store)
    return model.fingerprint if model else None


def numbers(store: Store) -> list[int]:
    return [record.number for record in read_history(store).records]


def record_file(store: Store, number: int) -> UPath:
    return store.path / "models" / "history" / f"{number:06}.json"


def test_rolling_back_goes_one_promotion_further_each_time(store: Store, promote: Promote) -> None:
    """The one before, the one before that, the base model, and then an error."""
    for name in ("a20", "b30", "c40"):
        promote(store, name)
    gone_back_to = [roll_back(store) for _ in range(3)]
    assert [one.fingerprint if one else None for one in gone_back_to] == ["b30", "a20", None]
    assert not (store.path / "models" / "current").exists()
    with pytest.raises(UserError, match="nothing to go back to"):
        roll_back(store)
    assert [one.action for one in read_history(store).records] == ["promotion"] * 3 + [
        "roll-back"
    ] * 3


def test_goes_to_the_model_that_is_named(store: Store, promote: Promote) -> None:
    """By the beginning of its fingerprint, to base, and to one that was rolled back before."""
    for name in ("aa11", "bb22", "cc33", "dd44"):
        promote(store, name)
    roll_back(store, "bb")
    assert current(store) == "bb22"
    assert [one.fingerprint for one in read_history(store).records[4:]] == ["dd44", "cc33"]
    roll_back(store, "cc33")  # it was rolled back with dd44; a person wants it again
    assert current(store) == "cc33"
    roll_back(store)
    assert current(store) == "bb22"
    assert roll_back(store, "base") is None
    assert current(store) is None
    roll_back(store, "dd44")
    assert current(store) == "dd44"
    assert read_history(store).records[-1].reason == "put back by hand"


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("ee", "'ee' was never promoted. Models to go back to: base, aa11, aa22"),
        ("aa", "'aa' matches the fingerprints of several models"),
        ("aa22", "aa22 is the current model already"),
    ],
)
def test_a_model_that_cannot_be_gone_back_to_is_refused(
    local_store: Store, promote: Promote, to: str, message: str
) -> None:
    """Unknown, ambiguous, current already: an error that names the models, and no change."""
    promote(local_store, "aa11")
    promote(local_store, "aa22")
    with pytest.raises(UserError, match=message):
        roll_back(local_store, to)
    assert current(local_store) == "aa22"
    assert len(read_history(local_store).records) == 2


def test_a_model_whose_files_are_gone_is_not_put_back(local_store: Store, promote: Promote) -> None:
    """The current model stays rather than one that the next run cannot open."""
    first = to_path(promote(local_store, "aa11").folder)
    promote(local_store, "bb22")
    remove([first / "pytorch_model.bin"])
    with pytest.raises(UserError, match="aa11 is missing or incomplete"):
        roll_back(local_store)
    assert current(local_store) == "bb22"


def test_two_writers_at_once_give_one_winner(store: Store) -> None:
    """Of many appends to the same history one succeeds, and its record is there whole."""
    history = read_history(store)
    start = threading.Barrier(8)
    appended: list[History] = []

    def write(number: int) -> None:
        start.wait()
        if grown := append(store, history, promotion(f"writer {number}" * 1_000)):
            appended.append(grown)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert appended == [read_history(store)]
    assert [name for name, _ in listing(store.path / "models" / "history")] == ["000001.json"]


@pytest.mark.parametrize("lost", [1, 2])
def test_a_lost_record_does_not_stop_the_history(
    local_store: Store, promote: Promote, lost: int
) -> None:
    """The next record gets the number after the last one; rolling back goes on over the gap."""
    for name in ("aa11", "bb22", "cc33"):
        promote(local_store, name)
    remove([record_file(local_store, lost)])
    promote(local_store, "dd44")
    assert numbers(local_store) == [one for one in (1, 2, 3, 4) if one != lost]
    assert current(local_store) == "dd44"
    remaining = [name for number, name in ((2, "bb22"), (1, "aa11")) if number != lost]
    for expected in ("cc33", *remaining, None):
        roll_back(local_store)
        assert current(local_store) == expected


def test_a_roll_back_whose_promotion_is_lost_takes_no_other_model(
    local_store: Store, promote: Promote
) -> None:
    """The model before it stays the current one."""
    promote(local_store, "aa11")
    promote(local_store, "bb22")
    roll_back(local_store)
    remove([record_file(local_store, 2)])
    assert current(local_store) == "aa11"


def test_a_damaged_record_is_named(local_store: Store, promote: Promote) -> None:
    """A file that was cut off is an error that says which, not a traceback."""
    promote(local_store, "aa11")
    write_bytes(record_file(local_store, 1), b'{"number": 1')
    with pytest.raises(UserError, match=r"000001\.json is no record .* Restore it, or remove it"):
        current_model(local_store)


def test_a_history_of_an_older_layout_is_refused(local_store: Store, promote: Promote) -> None:
    """Its records lack what this version reads; the check of every flow names the layouts."""
    promote(local_store, "aa11")
    with pytest.raises(UserError, match="holds a store of layout 1"):
        check_layout(local_store.path)


def test_a_model_is_copied_whole_once(
    local_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that was interrupted is made again and leaves no temp file; a whole one is kept."""
    model = model_files(tmp_path / "trained", "aa11")
    folder = Path(keep(local_store, model).folder)
    (folder / "manifest.json").unlink()
    (folder / "bpe.model").write_bytes(b"bpe")
    temp_file = folder / ".pytorch_model.bin.0123abcd.part"
    temp_file.write_bytes(b"pyt")
    os.utime(temp_file, (0, 0))
    keep(local_store, model)
    assert (folder / "bpe.model").read_bytes() == b"bpe.model of aa11"
    assert not temp_file.exists()
    monkeypatch.setattr("vitrina.promotion.history.copy", None)
    assert keep(local_store, model).folder == str(folder)
