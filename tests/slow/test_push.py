"""Pushing as a user does: the command line in a process of its own, killed in the middle."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psycopg
import pytest

from tests.support.command_line import FLOWS, command
from tests.support.processes import eventually, running
from tests.support.pushed import PushedShop, database, postgres
from vitrina.config.embedding import EmbedConfig

ROWS = 12_000
CONFIG = EmbedConfig(shard_rows=2_000, device="cpu")
TABLES = "SELECT relname FROM pg_class WHERE relname ~ '^listings_.{12}$' AND relkind = 'r'"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def empty_database() -> Iterator[str]:
    """A database of a server of its own."""
    with postgres() as server, database(server) as address:
        yield address


def many(shop: PushedShop, title: str) -> pd.DataFrame:
    """Many listings, which are embedded quickly: few of their titles and images differ."""
    rows = shop.rows.head(10).assign(
        title=title + shop.rows["title"], image_hash=list("0123456789")
    )
    return pd.concat([rows] * (ROWS // 10), ignore_index=True).assign(nm=range(ROWS))


def written(shop: PushedShop, other_than: set[str]) -> list[str]:
    """The new tables into which rows were written and committed, or are being written."""
    new = [table for (table,) in shop.query(TABLES) if table not in other_than]
    size = "SELECT pg_relation_size(%s::regclass)"
    return [table for table in new if shop.query(size, table)[0][0] > 200_000]


def kill_push(shop: PushedShop, log: Path) -> None:
    """Start a push, and kill it -9 once it writes rows."""
    before = {table for (table,) in shop.query(TABLES)}
    sizes = {table: shop.query(f"SELECT pg_relation_size('{table}')")[0][0] for table in before}

    def writes() -> bool:
        grown = (
            shop.query(f"SELECT pg_relation_size('{table}')")[0][0] > size + 200_000
            for table, size in sizes.items()
        )
        return bool(written(shop, before)) or any(grown)

    line = [sys.executable, str(FLOWS / "push.py"), *arguments(shop)]
    with running(line, dict(os.environ), log) as process:
        eventually(writes, 120, f"rows are written: {log}", pause=0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(20)
    assert "shows run" not in log.read_text()


def arguments(shop: PushedShop) -> list[str]:
    """The options of the command."""
    return ["--output", shop.run.store.root, "--database", shop.database, "--index", "text"]


def pushed(shop: PushedShop) -> "subprocess.CompletedProcess[str]":
    """The command, run to its end."""
    done = command("push.py", *arguments(shop))
    assert done.returncode == 0, done.stderr
    return done


def shown(shop: PushedShop) -> tuple[object, ...]:
    """Models, rows and a hash of the titles that the view shows."""
    query = (
        "SELECT min(model), max(model), count(*), md5(string_agg(title, '|' ORDER BY nm))"
        " FROM listings"
    )
    return shop.query(query)[0]


@pytest.mark.timeout(600)  # seven commands
def test_killed_in_the_middle_nothing_is_lost(tmp_path: Path, empty_database: str) -> None:
    """At the first push, one of another model, one of many changes; the old state answers."""
    shop = PushedShop(tmp_path, empty_database)
    log = tmp_path / "push.log"
    shop.embed(many(shop, "Первая "), config=CONFIG)
    kill_push(shop, log)
    with pytest.raises(psycopg.errors.UndefinedTable):
        shown(shop)
    done = pushed(shop)
    assert "switched to the table" in done.stderr
    assert "ORDER BY product <=> this LIMIT 10" in done.stdout
    first = shown(shop)
    assert first[:3] == (shop.run.model.fingerprint,) * 2 + (ROWS,)

    shop.embed(many(shop, "Первая "), 1, CONFIG)
    kill_push(shop, log)
    assert shown(shop) == first
    pushed(shop)
    second = shown(shop)
    assert second == (shop.run.model.fingerprint,) * 2 + first[2:]

    shop.embed(many(shop, "Вторая "), 1, CONFIG)
    kill_push(shop, log)
    assert shown(shop) == second
    done = pushed(shop)
    assert f"{ROWS:,} rows deleted and {ROWS:,} written by the feed" in done.stderr
    assert shown(shop)[:3] == second[:3]
    assert shown(shop) != second
    assert len(shop.query(TABLES)) == 1
    assert "already: no row was changed" in pushed(shop).stderr


def test_mistakes_are_told_in_a_line(tmp_path: Path, empty_database: str) -> None:
    """Before a Prefect server is started."""
    for options, message in (
        (("--output", tmp_path / "absent"), "absent does not exist"),
        (("--output", tmp_path), "no finished embedding"),
        (("--database", "postgresql://u:not-a-secret@h/db"), "leave the password out"),
        (("--view", 'a"b'), "--view: String should match pattern"),
    ):
        refused = command("push.py", "--database", empty_database, *options)
        assert refused.returncode == 2, refused.stderr
        assert message in refused.stderr
        assert "not-a-secret" not in refused.stderr
        assert refused.stderr.count("\n") == 1
