"""The flow that brings a PostgreSQL database with pgvector to the state of the latest run."""

if __name__ == "__main__":  # first, for help and refusals need nothing of what is imported below
    from flows.main import script

    script("flows.commands.push")
    raise SystemExit

import logging

from prefect import flow

from flows.commands.push import library
from tasks.orchestration import prefect_ui
from tasks.orchestration.run_name import run_name
from vitrina.config.push import PushConfig
from vitrina.results import PushResult

logger = logging.getLogger(__name__)

DONE = {
    "nothing": "{view} shows run {run} already: no row was changed.",
    "feed": "{view} shows run {run}: {deleted:,} rows deleted and {written:,} written by the feed.",
    "keys": "{view} shows run {run}: {deleted:,} rows deleted and {written:,} written after "
    "comparing all.",
    "table": "{view} shows run {run}: switched to the table {table}, to which {written:,} rows "
    "were written.",
}


@flow(name="push", flow_run_name=run_name)
def push(config: PushConfig) -> PushResult:
    """Write what the database lacks of the latest run, and let its view show the run."""
    with prefect_ui.progress("push", "row", "Listings written") as progress:
        result: PushResult = library().push(config, progress)
    logger.info(DONE[result.by].format(**dict(result)))
    return result
