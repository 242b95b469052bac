"""Bring a PostgreSQL database with pgvector to the state of the latest run.

    python flows/push.py --output output --database postgresql://shop@db.example.org/shop
    python flows/push.py --database service=shop --columns brend price --index text product

The password comes from PGPASSWORD, ~/.pgpass or a service file. A view, listings by default, shows
the run; until the push is complete, it shows the one before. docs/how-to/feed.md has queries.
"""

from types import ModuleType

from flows.command import Command
from flows.run import Work, run_flow
from vitrina.config.push import PushConfig
from vitrina.errors import UserError
from vitrina.results import PushResult
from vitrina.search.stored_run import find_run


def library() -> ModuleType:
    """What pushes. UserError if the packages that it needs are not installed."""
    try:
        from vitrina.postgres import push
    except ImportError as error:
        raise UserError(
            f"push needs psycopg and pgvector, which are not installed ({error}). Install them "
            "from the clone: pip install -c constraints.txt '.[push]'"
        ) from error
    return push


def check(config: PushConfig) -> None:
    """Raise UserError if there is no run, or no database that could take it."""
    find_run(config.output)
    library().check_database(config)


def example(config: PushConfig) -> str:
    """A query to begin with: what is most like a listing."""
    schema = config.in_schema.replace('"', '""')
    view = f'"{schema}".{config.view}' if config.in_schema != "public" else config.view
    return (
        f"Try: SELECT nm, title, 1 - (product <=> this) AS score FROM {view}, "
        f"(SELECT product AS this FROM {view} LIMIT 1) AS one ORDER BY product <=> this LIMIT 10;"
    )


def load() -> Work[PushConfig, PushResult]:
    """The flow."""
    from flows.push import push

    return push


def main(config: PushConfig) -> None:
    """Push the run, and show a query."""
    run_flow(load, config, check)
    print(example(config))


COMMAND = Command(PushConfig, __doc__, main)
