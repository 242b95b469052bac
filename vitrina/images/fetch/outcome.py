"""What is asked for and what came of it: the values that go into and out of fetching."""

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Generic, TypeVar

Key = TypeVar("Key")

ACCEPTED = frozenset({HTTPStatus.OK, HTTPStatus.NON_AUTHORITATIVE_INFORMATION})
TRANSIENT_STATUSES = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)


class FetchFailure(StrEnum):
    """Why there is no body."""

    INVALID_URL = "invalid_url"  # not an http(s) address
    REFUSED_ADDRESS = "refused_address"  # private or loopback, see fetch.allow_private_addresses
    HTTP_ERROR = "http_error"  # answered with a status other than 200 and 304
    BAD_REDIRECT = "bad_redirect"  # too many of them, or to nowhere
    TOO_LARGE = "too_large"  # more than fetch.max_megabytes
    BAD_ANSWER = "bad_answer"  # not HTTP, or in an encoding that was not asked for
    BAD_CERTIFICATE = "bad_certificate"  # or another failure of TLS
    CUT = "cut"  # the body ended too early, in each attempt
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"  # no connection to the host


PERMANENT = frozenset(
    {
        FetchFailure.INVALID_URL,
        FetchFailure.REFUSED_ADDRESS,
        FetchFailure.BAD_REDIRECT,
        FetchFailure.TOO_LARGE,
    }
)


@dataclass(frozen=True)
class Validators:
    """What a server said of the version of a file that it sent, "" if nothing."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True)
class FetchRequest(Generic[Key]):
    """A URL to fetch; with the validators of an earlier answer, only if it has changed since."""

    key: Key  # whatever tells the caller which one it is
    url: str
    known: Validators = Validators()


@dataclass(frozen=True)
class FetchOutcome:
    """What came of a request."""

    status: int = 0  # of the last answer's HTTP; 0 if there was none
    body: bytes | None = None  # decoded from its Content-Encoding
    validators: Validators = Validators()  # to give with the next request
    failure: FetchFailure | None = None  # None if there is a body, or the file is not modified
    detail: str = ""  # of a failure, for people; without credentials

    @property
    def is_not_modified(self) -> bool:
        """Whether the file is still that of the known validators."""
        return self.failure is None and self.body is None

    @property
    def is_transient(self) -> bool:
        """Whether a later run may fare better, so that this failure is not to be remembered."""
        if self.failure is FetchFailure.HTTP_ERROR:
            return is_transient_status(self.status)
        return self.failure is not None and self.failure not in PERMANENT


def is_transient_status(status: int) -> bool:
    """Whether the same request may be answered otherwise later."""
    return status >= 500 or status in TRANSIENT_STATUSES
