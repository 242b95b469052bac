"""Download one URL: redirects, attempts and patience, whatever it takes within the config."""

import asyncio
from datetime import UTC, datetime
from http import HTTPStatus
from time import monotonic

from yarl import URL

from vitrina.config.fetch import FetchConfig
from vitrina.images.fetch.address import InvalidUrlError, parse_url
from vitrina.images.fetch.attempt import AttemptError, HostLostError, Remedy
from vitrina.images.fetch.client import Answer, Client
from vitrina.images.fetch.host import Host
from vitrina.images.fetch.outcome import (
    ACCEPTED,
    FetchFailure,
    FetchOutcome,
    Validators,
    is_transient_status,
)
from vitrina.images.fetch.retry import backoff, retry_after

REDIRECTS = (301, 302, 303, 307, 308)
LONGEST_VALIDATOR = 500  # characters; a real one has some tens
RESTART_STEPS = 2  # of the backoff, skipped after a server error: a server may be starting


class Downloader:
    """Downloads URLs with one client; it knows the hosts of all of them."""

    def __init__(self, client: Client, config: FetchConfig) -> None:
        self._client, self._config = client, config
        self._hosts: dict[str, Host] = {}
        self._slots = asyncio.Semaphore(config.concurrency)
        self._last_answer = monotonic()

    async def download(self, url: str, known: Validators) -> FetchOutcome:
        """What came of the URL, after as many attempts as it takes.

        Raises HostLostError; no other failure is about more than this URL.
        """
        attempts = _Attempts(self._config)
        while True:
            try:
                return await self._follow(url, known)
            except AttemptError as error:
                if not await attempts.wait(error):
                    return FetchOutcome(error.status, failure=error.failure, detail=error.detail)

    async def _follow(self, text: str, known: Validators) -> FetchOutcome:
        """The outcome of one attempt, through all redirects. Raises AttemptError."""
        url = _parsed(text, None)
        for _ in range(self._config.max_redirects + 1):
            answer = await self._ask(url, known)
            if answer.status not in REDIRECTS:
                return _outcome(answer, known)
            url = _parsed(answer.headers.get("Location", ""), url)
        raise AttemptError(
            FetchFailure.BAD_REDIRECT, "it redirects too often", Remedy.NONE, answer.status
        )

    async def _ask(self, url: URL, known: Validators) -> Answer:
        """One host's answer, once it is its turn. Raises AttemptError, also for a busy host."""
        host = self._host(url)
        async with host.turn(), self._slots:
            try:
                answer = await self._client.get(url, known)
            except AttemptError as error:
                self._note_failure(host, error)
                raise
            self._last_answer = monotonic()
            host.answered()
            self._check_not_busy(host, answer)
        return answer

    def _note_failure(self, host: Host, error: AttemptError) -> None:
        """Tell the host. Raises HostLostError if it was the last one that answered."""
        if error.status:
            host.answered()
        elif error.remedy is not Remedy.NONE:
            host.was_silent(error.detail)
        if error.remedy is Remedy.WAIT:
            host.pause()
            self._check_not_lost(host, error)

    def _check_not_lost(self, host: Host, error: AttemptError) -> None:
        patience = self._config.patience
        is_alone = monotonic() - self._last_answer >= patience
        is_lost = host.has_answered and host.is_given_up
        if is_lost and is_alone and self._config.unreachable == "stop":
            raise HostLostError(
                f"{host.name} cannot be reached for {patience:g} s: {error.detail}. Run again to "
                "go on from here."
            ) from error

    def _check_not_busy(self, host: Host, answer: Answer) -> None:
        """Pause a host that asks for it, and raise AttemptError."""
        header = answer.headers.get("Retry-After", "")
        wait = retry_after(header, datetime.now(UTC), self._config.max_retry_after)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS or (
            answer.status == HTTPStatus.SERVICE_UNAVAILABLE and wait is not None
        ):
            host.pause(wait)
            raise _http_error(answer.status, Remedy.WAIT)

    def _host(self, url: URL) -> Host:
        name = f"{url.raw_host}:{url.port}"
        if name not in self._hosts:
            self._hosts[name] = Host(name, self._config.per_host, self._config.patience)
        return self._hosts[name]


class _Attempts:
    """The attempts that one URL has had."""

    def __init__(self, config: FetchConfig) -> None:
        self._config = config
        self._retries = 0
        self._waiting_since: float | None = None

    async def wait(self, error: AttemptError) -> bool:
        """Wait for the next attempt; False if there is none."""
        if error.remedy is Remedy.RETRY and self._retries < self._config.retries:
            self._retries += 1
            steps = self._retries + (RESTART_STEPS if error.status >= 500 else 0)
            await asyncio.sleep(backoff(steps))
            return True
        if error.remedy is Remedy.WAIT:  # for the end of the host's pause
            self._waiting_since = self._waiting_since or monotonic()
            return monotonic() - self._waiting_since < self._config.patience
        return False


def _parsed(text: str, base: URL | None) -> URL:
    try:
        return parse_url(text, base)
    except InvalidUrlError as error:
        failure = FetchFailure.BAD_REDIRECT if base else FetchFailure.INVALID_URL
        raise AttemptError(failure, str(error), Remedy.NONE) from error


def _outcome(answer: Answer, known: Validators) -> FetchOutcome:
    """The outcome of an answer that is no redirect. Raises AttemptError if it may change soon."""
    status = answer.status
    if status in ACCEPTED:
        return FetchOutcome(status, answer.body, _validators(answer, Validators()))
    if status == HTTPStatus.NOT_MODIFIED and known != Validators():
        return FetchOutcome(status, None, _validators(answer, known))
    error = _http_error(status, Remedy.RETRY)
    if is_transient_status(status):
        raise error
    return FetchOutcome(status, failure=error.failure, detail=error.detail)


def _validators(answer: Answer, known: Validators) -> Validators:
    """Those of the answer; what it does not have, of the known ones."""
    return Validators(
        _sendable(answer.headers.get("ETag", known.etag)),
        _sendable(answer.headers.get("Last-Modified", known.last_modified)),
    )


def _sendable(header: str) -> str:
    """The header, or nothing if it could not be stored and sent again."""
    is_sendable = header.isascii() and header.isprintable() and len(header) <= LONGEST_VALIDATOR
    return header if is_sendable else ""


def _http_error(status: int, remedy: Remedy) -> AttemptError:
    return AttemptError(FetchFailure.HTTP_ERROR, f"HTTP status {status}", remedy, status)
