"""A database follows the runs of an output, and shows one whole run at any time."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psycopg
import pytest

from tasks.index import index
from tests.support.pushed import PushedShop
from vitrina.config.evaluation import EvaluateConfig, MeasureConfig
from vitrina.config.index import IndexConfig
from vitrina.config.run_options import RunOptions
from vitrina.config.training import TrainConfig
from vitrina.errors import UserError
from vitrina.postgres import connection, push, view


def changed(rows: pd.DataFrame) -> pd.DataFrame:
    """One listing less, one more, and another title."""
    rows = rows.drop(index=[0])
    rows.loc[rows["nm"] == 3, "title"] = "Ваза новая"
    return pd.concat([rows, rows.iloc[[7]].assign(nm=900)], ignore_index=True)


def test_the_view_shows_the_run(shop: PushedShop) -> None:
    """The first push writes all of it; the same run again changes nothing, and says so."""
    result = shop.push()
    assert (result.by, result.rows, result.written, result.deleted) == ("table", 40, 40, 0)
    shop.assert_shown()
    state = shop.query("SELECT xmin, * FROM vitrina_push")
    assert shop.push().by == "nothing"
    assert shop.query("SELECT xmin, * FROM vitrina_push") == state


def test_the_product_vectors_are_those_of_the_index(shop: PushedShop) -> None:
    """Its weight of the image, if it is of the same run."""
    even = shop.push().table
    config, measuring = (
        IndexConfig(image_weight=0.9),
        MeasureConfig(evaluate=EvaluateConfig(), split=TrainConfig().split()),
    )
    run = shop.run
    index.fn(run.table, run.result, run.store, config, measuring, RunOptions())
    assert shop.push(force=True).table != even
    shop.assert_shown(image_weight=0.9)


def test_a_next_run_exchanges_the_rows_of_the_feed(shop: PushedShop) -> None:
    """Of the same model: only what changed is written, into the same table."""
    table = shop.push().table
    kept = shop.query(f"SELECT xmin FROM {table} WHERE nm = 20")
    shop.embed(changed(shop.rows))
    result = shop.push()
    assert (result.by, result.table) == ("feed", table)
    assert (result.written, result.deleted) == (2, 2)
    shop.assert_shown()
    assert shop.query(f"SELECT xmin FROM {table} WHERE nm = 20") == kept


def test_a_database_that_missed_runs_is_compared(shop: PushedShop) -> None:
    """Its run is not the one that the feed leads from."""
    shop.push()
    shop.embed(shop.rows.iloc[5:])
    shop.embed(changed(shop.rows))
    result = shop.push()
    assert (result.by, result.written, result.deleted) == ("keys", 2, 2)
    shop.assert_shown()


def test_what_others_have_changed_is_found(shop: PushedShop) -> None:
    """Missing rows before the next run is recorded, other changes with ``force``."""
    table = shop.push().table
    shop.query(f"DELETE FROM {table} WHERE nm = 20")
    shop.embed(changed(shop.rows))
    assert shop.push().by == "keys"
    shop.assert_shown()
    shop.query(f"UPDATE {table} SET content_key = NULL, title = 'x' WHERE nm = 20")
    shop.query(f"INSERT INTO {table} (nm, title) VALUES (77, 'x')")
    assert shop.push().by == "nothing"
    result = shop.push(force=True)
    assert (result.by, result.written, result.deleted) == ("keys", 1, 2)
    shop.assert_shown()


def test_another_model_gets_another_table(shop: PushedShop) -> None:
    """The view is switched to it, keeps its grants, and the old table is dropped."""
    first = shop.push()
    shop.query("CREATE ROLE reader_of_models")
    shop.query("GRANT SELECT ON listings TO reader_of_models")
    shop.embed(shop.rows, seed=1)
    second = shop.push()
    assert (second.by, second.written) == ("table", 40)
    shop.assert_shown()
    tables = shop.query("SELECT relname FROM pg_class WHERE relname ~ '^listings_.{12}$'")
    assert tables == [(second.table,)] != [(first.table,)]
    assert shop.query("SELECT has_table_privilege('reader_of_models', 'listings', 'SELECT')") == [
        (True,)
    ]
    shop.query("DROP OWNED BY reader_of_models")
    shop.query("DROP ROLE reader_of_models")


def test_a_reader_never_sees_two_models(shop: PushedShop) -> None:
    """Reading all the time, also by prepared statements, while models and rows are exchanged."""
    shop.push()
    stop, seen = threading.Event(), set[tuple[str, int]]()
    errors: list[Exception] = []

    def read() -> None:
        query = (
            "SELECT model, count(*), count(DISTINCT model), string_agg(text::text, ' ' ORDER BY nm)"
            " FROM listings GROUP BY model"
        )
        try:
            with psycopg.connect(shop.database, autocommit=True) as reader:
                while not stop.is_set():
                    rows = reader.execute(query, prepare=True).fetchall()
                    assert len(rows) == 1, rows
                    seen.add((rows[0][0], hash(rows[0][1:])))
        except Exception as error:  # noqa: BLE001 - told to the test below
            errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for seed, rows in ((1, shop.rows), (2, changed(shop.rows)), (2, shop.rows), (0, shop.rows)):
        shop.embed(rows, seed)
        shop.push()
    stop.set()
    for reader in readers:
        reader.join()
    assert not errors
    shop.assert_shown()
    # A state of a model is one of those that a run has left, with all of its rows and vectors.
    assert len({model for model, _ in seen}) <= len(seen) <= 5
    assert len(seen) > 1


def test_an_older_run_is_refused(shop: PushedShop, tmp_path: Path) -> None:
    """As from a copy of the output that was left behind; ``force`` goes back to it."""
    old = tmp_path / "copy"
    shutil.copytree(tmp_path / "output", old, symlinks=True)
    shop.embed(changed(shop.rows))
    shop.push()
    with pytest.raises(UserError, match=r"shows run .* and the latest of .*copy is older.*--force"):
        shop.push(output=str(old))
    shop.assert_shown()
    assert shop.push(output=str(old), force=True).written == 40  # the paths are other ones
    assert shop.query("SELECT count(*) FROM listings WHERE nm = 900") == [(0,)]


def test_a_roll_back_is_newer_than_what_it_goes_back_from(shop: PushedShop) -> None:
    """The run itself is older, but the output came back to it later."""
    shop.push()
    shop.embed(shop.rows, seed=1)
    shop.push()
    shop.embed(shop.rows)
    assert shop.push().by == "table"
    shop.assert_shown()


def stop_after(rows: int) -> Callable[[int, int], None]:
    """A progress callback that ends the push as a kill would."""

    def progress(done: int, _total: int) -> None:
        if done >= rows:
            raise KeyboardInterrupt

    return progress


def test_an_interrupted_push_is_continued(
    shop: PushedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state before answers meanwhile; what a new table has already is not written again."""
    monkeypatch.setattr(push, "COMMIT_ROWS", 10)
    monkeypatch.setattr("vitrina.postgres.run_rows.BATCH_ROWS", 10)
    with pytest.raises(KeyboardInterrupt):
        push.push(shop.config(), stop_after(30))
    assert shop.query("SELECT to_regclass('listings')") == [(None,)]
    assert shop.push().written == 10
    shop.assert_shown()
    before = shop.query("SELECT nm, title FROM listings ORDER BY nm")
    shop.embed(shop.rows.assign(title="новое " + shop.rows["title"]))
    with pytest.raises(KeyboardInterrupt):
        push.push(shop.config(), stop_after(30))
    assert shop.query("SELECT nm, title FROM listings ORDER BY nm") == before
    assert shop.push().written == 40
    shop.assert_shown()


def test_tables_of_pushes_that_were_given_up_are_dropped(shop: PushedShop) -> None:
    """But no other table, whatever its name."""
    shop.query("CREATE TABLE listings_0123456789ab (nm int)")
    with pytest.raises(KeyboardInterrupt):
        push.push(shop.config(vector_type="halfvec"), stop_after(1))
    result = shop.push()
    tables = shop.query("SELECT relname FROM pg_class WHERE relname ~ '^listings_.{12}$'")
    assert set(tables) == {("listings_0123456789ab",), (result.table,)}


def test_two_pushes_do_not_collide(shop: PushedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is refused while the first is at work; one to another view is not."""
    monkeypatch.setattr(connection, "LOCK_SECONDS", 0.1)
    refused: list[str] = []

    def meanwhile(_done: int, _total: int) -> None:
        with pytest.raises(UserError, match=r"Another push to public\.listings is at work"):
            shop.push()
        assert shop.push(view="others").by == "table"
        refused.append("yes")

    push.push(shop.config(), meanwhile)
    assert refused
    shop.assert_shown()
    shop.assert_shown("others")


def test_a_reader_that_does_not_end_delays_the_switch(
    shop: PushedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The push gives up, others still read the old state, and it succeeds once the reader ends."""
    shop.push()
    before = shop.query("SELECT nm, model FROM listings ORDER BY nm")
    shop.embed(shop.rows, seed=1)
    monkeypatch.setattr(view, "SWITCH_SECONDS", 0.5)
    monkeypatch.setattr(view, "LOCK_TIMEOUT", "200ms")
    monkeypatch.setattr(view, "PAUSE_SECONDS", 0.1)
    with psycopg.connect(shop.database) as reader:
        reader.execute("SELECT count(*) FROM listings")
        with pytest.raises(UserError, match="read by a transaction that does not end"):
            shop.push()
        assert shop.query("SELECT nm, model FROM listings ORDER BY nm") == before
    assert shop.push().written == 0  # it was all there
    shop.assert_shown()


def test_a_relation_that_push_has_not_made_is_left_alone(shop: PushedShop) -> None:
    """A table or a view of the view's name."""
    for made in ("TABLE listings (nm int)", "VIEW listings AS SELECT 1 AS nm"):
        shop.query(f"CREATE {made}")
        with pytest.raises(UserError, match=r"public\.listings exists, and push has not made it"):
            shop.push()
        shop.query(f"DROP {made.split()[0]} listings")


def test_without_a_feed_the_run_is_pushed_too(shop: PushedShop, tmp_path: Path) -> None:
    """The pipeline was killed before the stage, or wrote the output before there was one."""
    with_feed = shop.push().table
    shutil.rmtree(tmp_path / "output" / "changes")
    assert shop.push(force=True).table == with_feed
    shop.query(f"UPDATE {with_feed} SET content_key = NULL WHERE nm = 5")
    assert shop.push(force=True).written == 1
    shop.assert_shown()


def test_an_empty_run_empties_the_view(shop: PushedShop) -> None:
    """And it fills again."""
    shop.push()
    shop.embed(shop.rows.iloc[:0])
    assert shop.push().deleted == 40
    assert shop.query("SELECT count(*) FROM listings") == [(0,)]
    shop.embed(shop.rows)
    shop.push()
    shop.assert_shown()
