"""The feed of an output over several runs: what each says, and what it is relative to."""

import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from upath import UPath

from tasks.changes import changes
from tests.support.searched_run import SearchedRun, embed_again, embedded_run
from tests.support.shop import tiny_model
from vitrina.results import ChangesResult
from vitrina.store.artifacts import Store
from vitrina.store.files import local_read
from vitrina.store.paths import to_path


def feed_of(run: SearchedRun) -> tuple[ChangesResult, pd.DataFrame]:
    """The result of the stage after a run, and its changes by nm."""
    result = changes.fn(run.result, run.store).result
    with local_read(to_path(result.changes)) as path:
        return result, pq.read_table(path).to_pandas().set_index("nm")


def key_of(run: SearchedRun) -> str:
    """The run's name: the key of its embedding."""
    return to_path(run.result.npz).parent.name


def test_each_run_leads_from_the_one_before(place: UPath, tmp_path: Path) -> None:
    """Local and on S3: the first run adds all; then texts, images, columns and rows change."""
    first = embedded_run(place, tmp_path)
    result, found = feed_of(first)
    assert (result.from_run, result.to_run) == ("", key_of(first))
    assert set(found["change"]) == {"added"}
    rows = first.rows.drop(index=[0]).reset_index(drop=True)
    rows.loc[rows["nm"] == 3, "title"] = "Ваза новая"
    rows.loc[rows["nm"] == 4, "category"] = "Дача"
    Path(rows.loc[rows["nm"] == 5, "image_path"].item()).write_bytes(
        Path(rows.loc[rows["nm"] == 20, "image_path"].item()).read_bytes()
    )
    rows = pd.concat([rows, rows.iloc[[7]].assign(nm=900)], ignore_index=True)
    second = embed_again(first.store, rows, first.model)
    result, found = feed_of(second)
    assert (result.from_run, result.to_run) == (key_of(first), key_of(second))
    told = {nm: (one.change, one.text, one.img, one.columns) for nm, one in found.iterrows()}
    assert told == {
        0: ("removed", False, False, False),
        3: ("changed", True, False, True),
        4: ("changed", False, False, True),
        5: ("changed", False, True, False),
        900: ("added", True, True, True),
    }
    assert result.counts == {"added": 1, "changed": 3, "removed": 1, "model": 0, "unchanged": 36}


def test_the_same_run_again_is_the_same_feed(tmp_path: Path) -> None:
    """Found, not made: whoever has not taken it yet still finds it."""
    run = embedded_run(to_path(tmp_path / "output"), tmp_path)
    made = changes.fn(run.result, run.store)
    again = changes.fn(run.result, run.store)
    assert again.result == made.result
    assert not made.found_in
    assert again.found_in == str(run.store.path / "changes" / run.store.latest_key("changes"))


def test_a_run_that_comes_back_is_a_change_of_its_own(tmp_path: Path) -> None:
    """From one catalogue to another and back: three feeds, each from where the output was."""
    one = embedded_run(to_path(tmp_path / "output"), tmp_path)
    other_rows = one.rows.iloc[:-1]
    tables = (one.rows, other_rows, one.rows, other_rows, one.rows)
    ends = [feed_of(embed_again(one.store, rows, one.model))[0] for rows in tables]
    assert [one.to_run for one in ends[:-1]] == [one.from_run for one in ends[1:]]
    assert [one.counts["added"] for one in ends[1:]] == [0, 1, 0, 1]
    assert len({one.changes for one in ends}) == 5


def test_another_model_is_told_from_a_change_of_the_listing(tmp_path: Path) -> None:
    """All that stayed have new vectors, though no key of theirs has changed."""
    one = embedded_run(to_path(tmp_path / "output"), tmp_path)
    feed_of(one)
    model = tiny_model(tmp_path / "other", one.rows, 1)
    result, found = feed_of(embed_again(one.store, one.rows, model))
    assert set(found["change"]) == {"model"}
    assert found[["text", "img"]].all(axis=None)
    assert not found["columns"].any()
    with local_read(to_path(result.changes)) as path:
        assert pq.read_schema(path).metadata[b"vitrina.model"] == model.fingerprint.encode()


def test_the_run_before_may_be_gone(tmp_path: Path) -> None:
    """Its keys suffice. Without them the feed starts from nothing, and says so."""
    one = embedded_run(to_path(tmp_path / "output"), tmp_path)
    feed_of(one)
    shutil.rmtree(tmp_path / "output" / "embed")
    shutil.rmtree(tmp_path / "output" / "resize")
    result, found = feed_of(embed_again(one.store, one.rows.iloc[1:], one.model))
    assert (result.from_run, found["change"].tolist()) == (key_of(one), ["removed"])
    Path(result.listing_keys[0]).unlink()
    result, found = feed_of(embed_again(one.store, one.rows, one.model))
    assert result.from_run == ""
    assert set(found["change"]) == {"added"}


def test_a_store_that_was_moved_has_not_changed(tmp_path: Path) -> None:
    """Its feed names the files where they are now, and goes on from there."""
    one = embedded_run(to_path(tmp_path / "output"), tmp_path)
    feed_of(one)
    (tmp_path / "output").rename(tmp_path / "moved")
    store = Store(root=str(tmp_path / "moved"))
    same = changes.fn(embed_again(store, one.rows, one.model).result, store)
    assert same.found_in.startswith(str(tmp_path / "moved"))
    assert Path(same.result.changes).parent == Path(same.found_in)
    next_run = embed_again(store, one.rows.iloc[1:], one.model)
    result, found = feed_of(next_run)
    assert (result.from_run, found["change"].tolist()) == (key_of(one), ["removed"])


@pytest.mark.parametrize("empty", ["before", "after"])
def test_an_empty_catalogue_is_a_run_too(empty: str, tmp_path: Path) -> None:
    """All listings are removed, and added when they are back."""
    one = embedded_run(to_path(tmp_path / "output"), tmp_path)
    runs = [one.rows.iloc[:0], one.rows] if empty == "before" else [one.rows, one.rows.iloc[:0]]
    found = [feed_of(embed_again(one.store, rows, one.model))[1] for rows in runs][-1]
    assert set(found["change"]) == {"added" if empty == "before" else "removed"}
    assert len(found) == 40
