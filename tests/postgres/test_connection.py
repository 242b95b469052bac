"""What the database refuses is told in a line, and never with a password."""

from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.support.pushed import PushedShop
from vitrina.config.push import MAX_DIMENSIONS
from vitrina.errors import UserError
from vitrina.postgres import connection
from vitrina.postgres.connection import connected, prepare_vectors
from vitrina.postgres.push import push


@pytest.mark.parametrize(
    ("database", "message"),
    [
        ("postgresql://nobody@127.0.0.1:1/x", r"port 1 failed: Connection refused.*--database"),
        ("host=/nowhere", r"No such file or directory.*--database"),
        ("host={host} user={user} dbname=none", 'database "none" does not exist'),
        ("host={host} user=nobody", 'role "nobody" does not exist'),
        ("bla=1", 'invalid connection option "bla"'),
        ("postgresql://[::1/x", r"IPv6 host address.*--database"),
        ("service=none", 'definition of service "none" not found'),
    ],
)
def test_a_database_that_cannot_be_reached(server: Any, database: str, message: str) -> None:
    """One line that says why, and what to look at."""
    address = database.format(host=server.pgdata, user=server.postgres_user)
    with pytest.raises(UserError, match=message) as refused, connected(address):
        pass
    assert "\n" not in str(refused.value)


def test_a_wrong_password(server: Any, empty_database: str, monkeypatch: Any) -> None:
    """The one of PGPASSWORD is used, and never told."""
    with psycopg.connect(empty_database, autocommit=True) as admin:
        admin.execute("CREATE ROLE guarded LOGIN PASSWORD 'right-secret'")
        hba = server.pgdata / "pg_hba.conf"
        before = hba.read_text()
        hba.write_text(f"local all guarded scram-sha-256\n{before}")
        admin.execute("SELECT pg_reload_conf()")
        address = empty_database.replace(f"user={server.postgres_user}", "user=guarded")
        for password, message in (
            ("wrong-secret", "password authentication failed"),
            ("", "no password supplied"),
        ):
            monkeypatch.setenv("PGPASSWORD", password)
            with pytest.raises(UserError, match=f"{message}.*PGPASSWORD") as refused:
                _connect_patiently(address)
            assert "secret" not in str(refused.value)
        monkeypatch.setenv("PGPASSWORD", "right-secret")
        with connected(address) as found:
            assert found.info.user == "guarded"
        hba.write_text(before)
        admin.execute("SELECT pg_reload_conf()")
        admin.execute("DROP ROLE guarded")


def _connect_patiently(address: str) -> None:
    """Connect until the server has read its new rules, which lets nobody in any more."""
    for _ in range(50):
        with connected(address):
            pass


@pytest.fixture
def limited(server: Any, empty_database: str) -> Any:
    """The database as a user who owns nothing in it."""
    with psycopg.connect(empty_database, autocommit=True) as admin:
        admin.execute("CREATE ROLE limited LOGIN")
        yield empty_database.replace(f"user={server.postgres_user}", "user=limited")
        admin.execute("DROP OWNED BY limited")
        admin.execute("DROP ROLE limited")


def test_a_user_without_rights(shop: PushedShop, limited: str) -> None:
    """First the extension, then the schema; with both granted the push succeeds."""
    with pytest.raises(UserError, match=r"this user may not do it.*CREATE EXTENSION vector;"):
        shop.push(database=limited)
    shop.query("CREATE EXTENSION vector")
    with pytest.raises(UserError, match=r"refuses this user: permission denied.*grant CREATE"):
        shop.push(database=limited)
    shop.query("GRANT CREATE ON SCHEMA public TO limited")
    assert shop.push(database=limited).written == 40
    shop.assert_shown()


def test_the_extension_may_be_in_any_schema(shop: PushedShop) -> None:
    """Types and operators are found there, and the view in a schema of its own."""
    shop.query("CREATE SCHEMA tools")
    shop.query("CREATE EXTENSION vector SCHEMA tools")
    shop.push(in_schema="Мой каталог", index=("text",))
    assert shop.query('SELECT count(*) FROM "Мой каталог".listings') == [(40,)]
    shop.embed(shop.rows.iloc[3:])
    assert shop.push(in_schema="Мой каталог", index=("text",)).by == "feed"


def test_a_server_without_pgvector(shop: PushedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told from one that does not allow it, and from one that is too old."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(connection, "EXTENSION", sql.Identifier("vector_of_another_server"))
        with pytest.raises(UserError, match=r"has no pgvector\. Install it"):
            shop.push()
    monkeypatch.setitem(connection.TOO_OLD, "halfvec", (99, 0))
    with pytest.raises(UserError, match=r"halfvec needs pgvector 99.0, and .* has 0\."):
        shop.push(vector_type="halfvec")


def test_a_connection_that_is_lost_leaves_the_old_state(shop: PushedShop) -> None:
    """In the middle of a push, as by a restart of the server; the next push continues."""
    shop.push()
    before = shop.query("SELECT nm, title FROM listings ORDER BY nm")

    def end_all(_done: int, _total: int) -> None:
        shop.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'vitrina push' AND datname = current_database()"
        )

    shop.embed(shop.rows.iloc[1:].assign(category="Новое"))
    with pytest.raises(UserError, match=r"could not go on.*the same command again"):
        push(shop.config(), end_all)
    assert shop.query("SELECT nm, title FROM listings ORDER BY nm") == before
    shop.push()
    shop.assert_shown()


def test_vectors_too_long_for_an_index(shop: PushedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """pgvector's limit is told before a row is written."""
    monkeypatch.setitem(MAX_DIMENSIONS, "vector", 63)
    with pytest.raises(UserError, match=r"have 64 values.*at most 63\. Give --vector_type halfvec"):
        shop.push(index=("text",))
    assert shop.push().written == 40


def test_prepare_keeps_what_is_there(empty_database: str) -> None:
    """An extension that exists is not created again."""
    for _ in range(2):
        with connected(empty_database) as found:
            prepare_vectors(found, "vector", "public")
            assert found.execute(sql.SQL("SELECT '[1,2]'::vector <=> '[1,2]'")).fetchone() == (0,)
