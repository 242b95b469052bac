"""Bring a PostgreSQL database with pgvector to the state of the latest run.

    python flows/push.py --output output --database postgresql://shop@db.example.org/shop
    python flows/push.py --database service=shop --columns brend price --index text product

The password comes from PGPASSWORD, ~/.pgpass or a service file. A view, listings by default, shows
the run; until the push is complete, it shows the one before. docs/feed.md has queries for it.
"""

import logging

from prefect import flow

from flows.cli import parse, run
from tasks.orchestration import prefect_ui
from vitrina.config.push import PushConfig
from vitrina.errors import UserError
from vitrina.results import PushResult
from vitrina.search.stored_run import find_run

logger = logging.getLogger("flows.push")  # run as a script, __name__ is "__main__"

DONE = {
    "nothing": "{view} shows run {run} already: nothing was changed.",
    "feed": "{view} shows run {run}: {deleted:,} rows deleted and {written:,} written by the feed.",
    "keys": "{view} shows run {run}: {deleted:,} rows deleted and {written:,} written after "
    "comparing all.",
    "table": "{view} shows run {run}: it was switched to the table {table}, to which {written:,} "
    "rows were written.",
}


@flow(name="push")
def push(config: PushConfig) -> PushResult:
    """Write what the database lacks of the latest run, and let its view show the run."""
    from vitrina.postgres.push import push as push_run  # check() says what it needs

    with prefect_ui.progress("push", "row", "Listings written") as progress:
        result = push_run(config, progress)
    logger.info(DONE[result.by].format(**dict(result)))
    return result


def check(config: PushConfig) -> None:
    """Raise UserError if there is no run, or no database that could take it."""
    try:
        from vitrina.postgres.connection import connected, prepare_vectors
    except ImportError as error:
        raise UserError(
            f"push needs psycopg and pgvector, which are not installed ({error}). Install them "
            "from the clone: pip install -c constraints.txt '.[push]'"
        ) from error
    find_run(config.output)
    with connected(config.database) as connection:
        prepare_vectors(connection, config.vector_type, config.in_schema)


def example(config: PushConfig) -> str:
    """A query to begin with: what is most like a listing."""
    view = f'"{config.in_schema.replace(chr(34), chr(34) * 2)}".{config.view}'
    return (
        f"For example: SELECT nm, title, 1 - (product <=> one) AS score FROM {view}, "
        f"(SELECT product AS one FROM {view} LIMIT 1) AS first ORDER BY product <=> one LIMIT 10;"
    )


if __name__ == "__main__":
    config = parse(PushConfig, __doc__)
    run(push, config, check)
    print(example(config))
