"""Hosts that are down, busy or lost, and no network at all."""

from time import monotonic

import pytest

from tests.images.fetch.conftest import FetchAll
from tests.support.image_server import Handler, Site, in_turn, serving, slow, status
from tests.support.processes import free_port
from vitrina.errors import UserError
from vitrina.images.fetch import host
from vitrina.images.fetch.attempt import HostLostError
from vitrina.images.fetch.outcome import FetchFailure

BODY = b"\xff\xd8 an image"


def dead(count: int, path: str = "/{}.jpg") -> list[str]:
    """URLs at an address where nobody listens."""
    return [f"http://127.0.0.1:{free_port()}{path.format(number)}" for number in range(count)]


def test_no_network_is_one_error(fetch_all: FetchAll) -> None:
    """Instead of all rows rejected."""
    with pytest.raises(UserError, match=r"no host .*\(127\.0\.0\.1: Connection refused"):
        fetch_all(*dead(30), patience=0.2)


def test_it_may_be_taken_for_rejections(fetch_all: FetchAll) -> None:
    """Rows of hosts that are gone are rejected, if somebody says so."""
    outcomes = fetch_all(*dead(30), patience=0.2, unreachable="reject")
    assert {outcome.failure for outcome in outcomes} == {FetchFailure.UNREACHABLE}
    assert all(outcome.is_transient for outcome in outcomes)


def test_a_dead_host_among_others_is_no_error(site: Site, fetch_all: FetchAll) -> None:
    """Its URLs fail, the others arrive."""
    url = site.at("/a.jpg", status(200, BODY))
    *gone, there = fetch_all(*dead(30), url, patience=0.2)
    assert {outcome.failure for outcome in gone} == {FetchFailure.UNREACHABLE}
    assert there.body == BODY


def test_a_dead_host_costs_its_patience_once(fetch_all: FetchAll) -> None:
    """Once it is given up, its other URLs fail at once."""
    port = free_port()
    urls = [f"http://127.0.0.1:{port}/{number}.jpg" for number in range(5_000)]
    start = monotonic()
    outcomes = fetch_all(*urls, patience=1, unreachable="reject")
    assert {outcome.failure for outcome in outcomes} == {FetchFailure.UNREACHABLE}
    assert monotonic() - start < 60  # one after the other they would take more than an hour


def test_a_stranger_gets_less_patience(
    fetch_all: FetchAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that never answered is not waited for as long as one that did."""
    monkeypatch.setattr(host, "STRANGER_PATIENCE", 0.2)
    [outcome] = fetch_all(*dead(1), patience=1_000)
    assert outcome.failure is FetchFailure.UNREACHABLE


def test_a_lost_host_ends_the_run(fetch_all: FetchAll) -> None:
    """A server that was there and is gone is a reason to try again later, not to reject all."""
    with serving() as site:
        first = site.at("/a.jpg", status(200, BODY))
        port = site.url.rpartition(":")[2]
        urls = [first, *(f"http://127.0.0.1:{port}/{number}.jpg" for number in range(50))]

        def leave(handler: Handler) -> None:
            handler.server.socket.close()
            handler.close_connection = True
            status(200, BODY)(handler)

        site.at("/a.jpg", leave)
        with pytest.raises(HostLostError, match="cannot be reached for"):
            fetch_all(*urls, patience=0.5, per_host=1)


def test_a_busy_server_is_given_time(site: Site, fetch_all: FetchAll) -> None:
    """429 with Retry-After holds back all requests to the host, and none is lost."""
    busy = [status(429, Retry_After=1)] * 3
    urls = [site.at(f"/{number}.jpg", status(200, BODY)) for number in range(5)]
    first = site.at("/busy.jpg", in_turn(*busy, status(200, BODY)))
    start = monotonic()
    outcomes = fetch_all(first, *urls, retries=0, per_host=1)
    assert all(outcome.body == BODY for outcome in outcomes)
    assert monotonic() - start >= 3
    assert site.count("/busy.jpg") == 4


@pytest.mark.parametrize("code", [429, 503])
def test_a_server_that_stays_busy_is_left(site: Site, fetch_all: FetchAll, code: int) -> None:
    """Retry-After is capped, and patience ends."""
    url = site.at("/a.jpg", status(code, Retry_After="Wed, 21 Oct 2099 07:28:00 GMT"))
    [outcome] = fetch_all(url, patience=0.5, max_retry_after=0.1)
    assert (outcome.failure, outcome.status) == (FetchFailure.HTTP_ERROR, code)
    assert outcome.is_transient
    assert site.count("/a.jpg") > 2


def test_a_hung_host_is_given_up(site: Site, fetch_all: FetchAll) -> None:
    """A server that accepts and says nothing does not cost a time limit for each of its URLs."""
    urls = [site.at(f"/{number}.jpg", slow(status(200, BODY), 5)) for number in range(100)]
    start = monotonic()
    limits = {"patience": 0.5, "read_seconds": 0.3, "per_host": 2}
    outcomes = fetch_all(*urls, retries=1, unreachable="reject", **limits)
    assert {outcome.failure for outcome in outcomes} <= {
        FetchFailure.TIMEOUT,
        FetchFailure.UNREACHABLE,
    }
    assert monotonic() - start < 10  # one after the other: 30 s
    assert len(site.asked) < 20
