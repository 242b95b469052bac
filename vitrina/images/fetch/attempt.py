"""How one attempt to fetch a URL fails, and what may help."""

import os
from enum import Enum, auto

import aiohttp

from vitrina.images.fetch.address import RefusedAddressError
from vitrina.images.fetch.outcome import FetchFailure


class Remedy(Enum):
    """What may help after a failed attempt."""

    NONE = auto()
    RETRY = auto()  # another attempt, config.retries of them
    WAIT = auto()  # attempts after the host's pauses, for config.patience seconds


class AttemptError(Exception):
    """An attempt that brought neither a body nor "not modified"; the text has no credentials."""

    def __init__(self, failure: FetchFailure, detail: str, remedy: Remedy, status: int = 0) -> None:
        super().__init__(detail)
        self.failure, self.detail, self.remedy, self.status = failure, detail, remedy, status


class HostLostError(ConnectionError):
    """A host that answered before cannot be reached any more, and no other one answers."""


class BodyTooLargeError(Exception):
    """More bytes than fetch.max_megabytes."""


# The first that an error is an instance of: aiohttp's classes are nested.
KINDS: tuple[tuple[type[Exception], FetchFailure, str, Remedy], ...] = (
    (
        aiohttp.ClientConnectorCertificateError,
        FetchFailure.BAD_CERTIFICATE,
        "its certificate is not valid",
        Remedy.NONE,
    ),
    (aiohttp.ClientSSLError, FetchFailure.BAD_CERTIFICATE, "TLS fails", Remedy.RETRY),
    (aiohttp.ClientConnectorError, FetchFailure.UNREACHABLE, "", Remedy.WAIT),
    (
        aiohttp.ConnectionTimeoutError,
        FetchFailure.UNREACHABLE,
        "no connection in time",
        Remedy.WAIT,
    ),
    (aiohttp.ClientHttpProxyError, FetchFailure.UNREACHABLE, "the proxy refuses", Remedy.WAIT),
    (TimeoutError, FetchFailure.TIMEOUT, "it takes too long", Remedy.RETRY),
    (aiohttp.ClientPayloadError, FetchFailure.CUT, "the body ends too early", Remedy.RETRY),
    (aiohttp.ClientConnectionError, FetchFailure.CUT, "the connection breaks", Remedy.RETRY),
    (aiohttp.InvalidURL, FetchFailure.INVALID_URL, "it is not a URL", Remedy.NONE),
    (
        BodyTooLargeError,
        FetchFailure.TOO_LARGE,
        "it is larger than fetch.max_megabytes",
        Remedy.NONE,
    ),
    (Exception, FetchFailure.BAD_ANSWER, "the answer is not HTTP", Remedy.RETRY),
)


def as_attempt_error(error: Exception, status: int) -> AttemptError:
    """The failed attempt that an error means; ``status`` is 0 if no answer had begun."""
    if isinstance(getattr(error, "os_error", None), RefusedAddressError):
        return refused_address()
    failure, text, remedy = next(kind[1:] for kind in KINDS if isinstance(error, kind[0]))
    return AttemptError(failure, text or _system_text(error), remedy, status)


def refused_address() -> AttemptError:
    """The attempt to connect to a private address."""
    detail = f"{RefusedAddressError()} (fetch.allow_private_addresses)"
    return AttemptError(FetchFailure.REFUSED_ADDRESS, detail, Remedy.NONE)


def _system_text(error: Exception) -> str:
    """What the system says of a failed connection or look-up."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    number = getattr(cause, "errno", None) or 0
    return os.strerror(number) if number > 0 else str(getattr(cause, "strerror", None) or cause)
