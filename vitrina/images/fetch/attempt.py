"""How one attempt to fetch a URL fails, and what may help."""

import os
from enum import Enum, auto
from typing import NamedTuple

import aiohttp
from aiohttp_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError

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


class _Kind(NamedTuple):
    """What errors of a class mean."""

    error: type[Exception]
    failure: FetchFailure
    remedy: Remedy
    text: str = ""  # by default the system's


# The first that an error is an instance of: aiohttp's classes are nested.
_KINDS = (
    _Kind(
        aiohttp.ClientConnectorCertificateError,
        FetchFailure.BAD_CERTIFICATE,
        Remedy.NONE,
        "its certificate is not valid",
    ),
    _Kind(aiohttp.ClientSSLError, FetchFailure.BAD_CERTIFICATE, Remedy.RETRY, "TLS fails"),
    _Kind(aiohttp.ClientConnectorError, FetchFailure.UNREACHABLE, Remedy.WAIT),
    _Kind(
        aiohttp.ConnectionTimeoutError, FetchFailure.UNREACHABLE, Remedy.WAIT, "it does not answer"
    ),
    _Kind(aiohttp.ClientHttpProxyError, FetchFailure.UNREACHABLE, Remedy.WAIT, "the proxy refuses"),
    _Kind(ProxyError, FetchFailure.UNREACHABLE, Remedy.WAIT, "the proxy refuses"),
    _Kind(ProxyConnectionError, FetchFailure.UNREACHABLE, Remedy.WAIT, "the proxy is away"),
    _Kind(ProxyTimeoutError, FetchFailure.UNREACHABLE, Remedy.WAIT, "the proxy does not answer"),
    _Kind(TimeoutError, FetchFailure.TIMEOUT, Remedy.RETRY, "it takes too long"),
    _Kind(aiohttp.ClientPayloadError, FetchFailure.CUT, Remedy.RETRY, "the body ends too early"),
    _Kind(aiohttp.ClientConnectionError, FetchFailure.CUT, Remedy.RETRY, "the connection breaks"),
    _Kind(OSError, FetchFailure.CUT, Remedy.RETRY),
    _Kind(
        BodyTooLargeError,
        FetchFailure.TOO_LARGE,
        Remedy.NONE,
        "it is larger than fetch.max_megabytes",
    ),
    _Kind(aiohttp.InvalidURL, FetchFailure.INVALID_URL, Remedy.NONE, "it is not a URL"),
    _Kind(UnicodeError, FetchFailure.INVALID_URL, Remedy.NONE, "it is not a URL"),
    _Kind(
        aiohttp.ClientError, FetchFailure.BAD_ANSWER, Remedy.RETRY, "the answer is not proper HTTP"
    ),
)
ATTEMPT_ERRORS = tuple(kind.error for kind in _KINDS)


def as_attempt_error(error: Exception, status: int) -> AttemptError:
    """What one of ``ATTEMPT_ERRORS`` means; ``status`` is 0 if no answer had begun."""
    if isinstance(getattr(error, "os_error", None), RefusedAddressError):
        return refused_address()
    kind = next(kind for kind in _KINDS if isinstance(error, kind.error))
    return AttemptError(kind.failure, kind.text or _system_text(error), kind.remedy, status)


def refused_address() -> AttemptError:
    """The attempt to connect to a private address."""
    detail = f"{RefusedAddressError()} (fetch.allow_private_addresses)"
    return AttemptError(FetchFailure.REFUSED_ADDRESS, detail, Remedy.NONE)


def _system_text(error: Exception) -> str:
    """What the system says of a failed connection or look-up."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    number = getattr(cause, "errno", None) or 0
    return os.strerror(number) if number > 0 else str(getattr(cause, "strerror", None) or cause)
