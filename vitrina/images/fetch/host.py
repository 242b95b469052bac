"""One host in a run: how many requests it gets at a time, its pauses, and when it is given up."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from vitrina.images.fetch.attempt import AttemptError, Remedy
from vitrina.images.fetch.outcome import FetchFailure
from vitrina.images.fetch.retry import backoff

logger = logging.getLogger(__name__)

STRANGER_PATIENCE = 15.0  # seconds for a host that has never answered
PROBE_SECONDS = 30.0  # how often a host that is given up is asked again


class Host:
    """A host's state, which all requests to it share.

    A pause holds back all of them. A host that has been silent for longer than ``patience`` seconds
    is given up: its requests fail at once, but for one now and then that tries it again.
    """

    def __init__(self, name: str, limit: int, patience: float) -> None:
        self.name = name
        self.has_answered = False
        self._patience = patience
        self._slots = asyncio.Semaphore(limit)
        self._failures = 0  # in a row
        self._resume_at = 0.0
        self._silent_since: float | None = None
        self._reason = ""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a pause to end and for one of the host's slots, and hold it.

        Raises AttemptError if the host is given up.
        """
        while True:
            async with self._slots:
                wait = self._wait()
                if wait <= 0:
                    yield
                    return
            await asyncio.sleep(wait)

    def _wait(self) -> float:
        """Seconds until the host may be asked. Raises AttemptError if it is given up."""
        wait = self._resume_at - monotonic()
        if not self.is_given_up:
            return wait
        if wait > 0:
            raise AttemptError(FetchFailure.UNREACHABLE, self._reason, Remedy.NONE)
        self._resume_at = monotonic() + PROBE_SECONDS
        return 0

    @property
    def is_given_up(self) -> bool:
        """Whether the host has been silent for too long."""
        patience = self._patience if self.has_answered else min(self._patience, STRANGER_PATIENCE)
        return self._silent_since is not None and monotonic() - self._silent_since >= patience

    def answered(self) -> None:
        """The host has answered, whatever it was."""
        if self._silent_since is not None and self._failures:
            logger.info("%s answers again.", self.name)
        self.has_answered = True
        self._silent_since, self._failures = None, 0

    def was_silent(self, reason: str) -> None:
        """A request brought no answer."""
        self._reason = reason
        if self._silent_since is None:
            self._silent_since = monotonic()

    def pause(self, seconds: float | None = None) -> None:
        """Hold back requests, by default for longer with each pause in a row."""
        now = monotonic()
        if self._resume_at > now and seconds is None:
            return  # a request that began before the pause
        self._failures += 1
        wait = backoff(self._failures) if seconds is None else seconds
        self._resume_at = max(self._resume_at, now + wait)
        if self._failures == 1 and self.has_answered:
            logger.warning("%s is not asked for %.1f s: %s.", self.name, wait, self._reason)
