"""Run a flow in this process, with its log on the terminal."""

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from prefect.exceptions import TerminationSignal
from prefect.logging.configuration import setup_logging
from prefect.settings import (
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_LOGGING_EXTRA_LOGGERS,
    get_current_settings,
    temporary_settings,
)

from flows import LOGGERS
from flows.run import end_interrupted
from tasks.orchestration.local_server import LocalServer, connected
from vitrina.errors import UserError

Config = TypeVar("Config")
Result = TypeVar("Result")


def in_prefect(
    flow: Callable[[Config], Result], config: Config, server: LocalServer | None
) -> Result:
    """The flow's result. SIGTERM ends the process with 143."""
    try:
        with prefect_logs(), connected(server, no_heartbeats()):
            return flow(config)
    except TerminationSignal:
        end_interrupted(128 + signal.SIGTERM)


def no_heartbeats() -> dict[Any, None]:
    """The setting by which no heartbeats are emitted; none if the user has set how often.

    Whoever started the command sees it end; stopping the heartbeats would hold it up for a second.
    Deployed runs, which the crash watch is for, do not come here.
    """
    if "heartbeat_frequency" in get_current_settings().flows.model_fields_set:
        return {}
    return {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}


@contextmanager
def prefect_logs() -> Iterator[None]:
    """Our log lines beside Prefect's, and no traceback of a user's mistake or interruption."""
    with ExitStack() as stack:
        if not set(LOGGERS) <= set(PREFECT_LOGGING_EXTRA_LOGGERS.value()):
            # Prefect was imported before `run.before_prefect`, which is in time for a command.
            extra = {PREFECT_LOGGING_EXTRA_LOGGERS: ",".join(LOGGERS)}
            stack.enter_context(temporary_settings(extra))
            setup_logging(incremental=False)
        # Not the handlers: a run replaces them.
        for name in ("prefect.flow_runs", "prefect.task_runs"):
            logging.getLogger(name).addFilter(_log_filter)
        yield


def _log_filter(record: logging.LogRecord) -> bool:
    """Leave out interruptions, and the user's mistakes: the command's last line reports these."""
    if record.exc_info and isinstance(record.exc_info[1], UserError):
        return False
    message = record.getMessage()
    return "Execution was aborted by" not in message and "UserError" not in message
