"""Bring the database to the state of a run.

While a table fills up, or rows of the shown one are exchanged, the state before answers: other
sessions see nothing of it until the one transaction that also records the run. Killed before that,
the next push goes on with what is there.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import sql

from vitrina.config.push import PushConfig
from vitrina.errors import UserError
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.feed.listing_keys import run_keys
from vitrina.feed.run_changes import Feed, latest_feed
from vitrina.postgres.connection import Connection, connected, only_push, prepare_vectors
from vitrina.postgres.copying import Row, copy_rows
from vitrina.postgres.difference import BATCH_ROWS, Difference, by_feed, by_keys
from vitrina.postgres.run_rows import VECTORS, RunRows, open_rows
from vitrina.postgres.tables import (
    KEY,
    Names,
    State,
    check_dimension,
    create_state,
    create_table,
    drop_other_tables,
    ensure_indexes,
    read_state,
    write_state,
)
from vitrina.postgres.view import switch
from vitrina.results import How, PushResult
from vitrina.search.stored_run import StoredRun, find_run
from vitrina.store.files import local_read
from vitrina.store.fingerprint import fingerprint
from vitrina.store.paths import to_path

logger = logging.getLogger(__name__)

FORMAT = 1  # of the tables: with another one they are made anew
COMMIT_ROWS = 20_000  # a killed push loses at most so many rows of a table that nobody sees yet


def push(config: PushConfig, progress: OnProgress = no_progress) -> PushResult:
    """Bring the database to the state of the latest run of an output.

    Raises UserError if the run is incomplete, the database has a newer one, or it refuses.
    """
    run = find_run(config.output)
    run.check_shards()
    check_dimension(config, run.result.embed_dim)
    feed = latest_feed(run.store)
    key = run.embedding.manifest.key
    with open_rows(run, config) as rows, connected(config.database) as connection:
        prepare_vectors(connection, config.vector_type, config.in_schema)
        names = Names(config.in_schema, config.view, table_name(config, run, rows))
        own = feed if feed and feed.result.to_run == key else None
        with only_push(connection, names.full):
            return Push(config, run, rows, connection, names, own).bring(progress)


def check_database(config: PushConfig) -> None:
    """Raise UserError unless the database can be reached, and has pgvector."""
    with connected(config.database) as connection:
        prepare_vectors(connection, config.vector_type, config.in_schema)


def table_name(config: PushConfig, run: StoredRun, rows: RunRows) -> str:
    """The name of the table for the run's vectors with these columns: equal only if all is equal.

    Paths of images differ where the store differs.
    """
    what = fingerprint(
        FORMAT,
        run.embedding.manifest.parameters["settings"],
        run.result.embed_dim,
        config.vector_type,
        rows.image_weight,
        [(column.name, column.type) for column in rows.columns],
        str(run.store.path),
    )
    return f"{config.view}_{what[:12]}"


@dataclass(frozen=True)
class Push:
    """What one push works with; ``feed`` is that of its run, if there is one."""

    config: PushConfig
    run: StoredRun
    rows: RunRows
    connection: Connection
    names: Names
    feed: Feed | None

    @property
    def target(self) -> State:
        """What the database should show."""
        manifest = self.run.embedding.manifest
        made = self.feed.made if self.feed else manifest.created
        return State(self.names.table, manifest.key, made)

    def bring(self, progress: OnProgress) -> PushResult:
        """Write what the database lacks, and let the view show it."""
        create_state(self.connection, self.names)
        shown = read_state(self.connection, self.names)
        if shown and not self.config.force:
            if shown[:2] == self.target[:2]:
                ensure_indexes(self.connection, self.names, self.config)
                return self._result("nothing", 0, 0)
            self._check_newer(shown)
        create_table(self.connection, self.names, self.rows.columns, self._vector)
        if shown and shown.table_name == self.names.table:
            result = self._update(shown, progress)
        else:
            result = self._fill(progress)
        self.connection.execute(sql.SQL("ANALYZE {}").format(self._table))
        drop_other_tables(self.connection, self.names)
        return result

    def _check_newer(self, shown: State) -> None:
        if shown.made > self.target.made:
            raise UserError(
                f"{self.names.full} shows run {shown.run} of {shown.made:%Y-%m-%d %H:%M} UTC, and "
                f"the latest of {self.config.output} is older: {self.target.run} of "
                f"{self.target.made:%Y-%m-%d %H:%M} UTC. Give --force to go back to it."
            )

    def _update(self, shown: State, progress: OnProgress) -> PushResult:
        """Exchange rows of the table that the view shows, in one transaction."""
        follows = self.feed is not None and self.feed.result.from_run == shown.run
        with self.connection.transaction():
            if self.feed and follows and not self.config.force:
                difference = by_feed(self.connection, self.names, to_path(self.feed.result.changes))
                self._write(difference, progress)
                if self._is_complete():
                    return self._recorded("feed", difference)
                logger.warning("push: %s was changed by others: comparing it", self.names.full)
            difference = self._compare()
            self._write(difference, progress)
            return self._recorded("keys", difference)

    def _fill(self, progress: OnProgress) -> PushResult:
        """Fill a table that nobody sees yet, then switch to it."""
        difference = self._compare()
        self._write(difference, progress)
        ensure_indexes(self.connection, self.names, self.config)
        columns = [column.name for column in self.rows.columns]
        model = self.run.result.origin.model
        switch(self.connection, self.names, columns, model, self._record)
        return self._result("table", len(difference.rows), difference.deleted)

    def _recorded(self, by: How, difference: Difference) -> PushResult:
        ensure_indexes(self.connection, self.names, self.config)
        self._record()
        return self._result(by, len(difference.rows), difference.deleted)

    def _record(self) -> None:
        origin = self.run.result.origin
        write_state(self.connection, self.names, self.target, self.run.result.rows, origin)

    def _compare(self) -> Difference:
        nm_type = self.rows.columns[0].type
        return by_keys(self.connection, self.names, nm_type, self._keys())

    def _keys(self) -> Iterator[pa.Table]:
        if self.feed is None:
            root = str(self.run.store.path)
            yield from run_keys(self.run.table(), self.run.embedding.shards, root)
            return
        for path in self.feed.result.listing_keys:
            with local_read(to_path(path)) as local, pq.ParquetFile(local) as file:
                for batch in file.iter_batches(BATCH_ROWS):
                    yield pa.Table.from_batches([batch])

    def _write(self, difference: Difference, progress: OnProgress) -> None:
        """Copy the rows, and commit now and then where no transaction is open."""
        types = {column.name: column.type for column in self.rows.columns}
        types |= dict.fromkeys(VECTORS, self.config.vector_type) | {KEY: "bytea"}
        rows = self._keyed(difference, progress)
        for _ in range(0, len(difference.rows), COMMIT_ROWS):
            with self.connection.transaction():
                copy_rows(self.connection, self._table, types, islice(rows, COMMIT_ROWS))

    def _keyed(self, difference: Difference, progress: OnProgress) -> Iterator[Row]:
        done, total = 0, len(difference.rows)
        for batch in self.rows.batches(difference.rows):
            keys = difference.keys[done : done + len(batch)]
            for values, key in zip(batch, keys, strict=True):
                yield (*values, key.tobytes())
            done += len(batch)
            progress(done, total)

    def _is_complete(self) -> bool:
        count = sql.SQL("SELECT count(*) FROM {}").format(self._table)
        found = self.connection.execute(count).fetchone()
        return found is not None and found[0] == self.run.result.rows

    @property
    def _table(self) -> sql.Identifier:
        return self.names.of(self.names.table)

    @property
    def _vector(self) -> str:
        return f"{self.config.vector_type}({self.run.result.embed_dim})"

    def _result(self, by: How, written: int, deleted: int) -> PushResult:
        return PushResult(
            view=self.names.full,
            table=self.names.table,
            run=self.target.run,
            rows=self.run.result.rows,
            by=by,
            written=written,
            deleted=deleted,
        )
