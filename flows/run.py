"""Run a command to its end: the check, the work, and the exit code.

0 is success, 1 a failed run, 2 wrong use or wrong input, answered in one or two lines. Ctrl-C and
SIGTERM end a command within seconds, with 130 and 143, after what was done has been saved; a second
Ctrl-C ends it at once.
"""

import atexit
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn, TypeVar

from flows import LOGGERS
from flows.cli import refuse
from flows.no_gc import no_gc
from flows.option_names import with_option_names
from tasks.orchestration.local_server import begin, bypass_proxies
from vitrina.config.parameters import Parameters
from vitrina.errors import UserError
from vitrina.store.s3_access import check_s3

EXTRA_LOGGERS = "PREFECT_LOGGING_EXTRA_LOGGERS"
Config = TypeVar("Config", bound=Parameters)
Result = TypeVar("Result")
Work = Callable[[Config], Result]


def run(
    work: Work[Config, Result],
    config: Config,
    check: Callable[[Config], None] = lambda _config: None,
) -> Result:
    """Check the input, then do work that needs no Prefect."""
    with _exit_codes(config):
        check_s3(config)
        check(config)
        return work(config)


def run_flow(
    load: Callable[[], Work[Config, Result]], config: Config, check: Callable[[Config], None]
) -> Result:
    """Check the input, then run the flow that ``load`` imports in this process."""
    with _exit_codes(config):
        before_prefect()
        bypass_proxies()
        check_s3(config)
        server = begin()  # a temporary server starts while the input is checked
        with no_gc():
            check(config)
            flow = load()
            from flows.prefect_run import in_prefect
        return in_prefect(flow, config, server)


def before_prefect() -> None:
    """Set what Prefect reads when it is imported; to change it later takes a tenth of a second.

    No telemetry, and the log lines of our own loggers besides those that the user has named.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    named = os.environ.get(EXTRA_LOGGERS, "").split(",")
    os.environ[EXTRA_LOGGERS] = ",".join(dict.fromkeys(filter(None, (*named, *LOGGERS))))


@contextmanager
def _exit_codes(config: Parameters) -> Iterator[None]:
    # Skip the final garbage collection: 2.5 s over 800,000 objects.
    atexit.register(gc.freeze)
    signal.signal(signal.SIGINT, _interrupt_once)
    try:
        yield
    except UserError as error:
        refuse(with_option_names(str(error), type(config)))
    except KeyboardInterrupt:
        end_interrupted(128 + signal.SIGINT)


def _interrupt_once(_signal: int, _frame: FrameType | None) -> NoReturn:
    """The first Ctrl-C interrupts; the next one ends the process where it is."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt


def end_interrupted(code: int) -> NoReturn:
    """End now: threads that still wait for something must not hold up a person."""
    print("interrupted: run the same command again to resume.", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
