"""Fetching URLs from a real HTTP server, good answers and bad ones."""

import gzip
import os
from urllib.parse import quote

import pytest

from tests.images.fetch.conftest import FetchAll
from tests.support.image_server import (
    Site,
    chunks,
    cut,
    cut_chunks,
    drip,
    in_turn,
    redirect,
    slow,
    status,
)
from vitrina.images.fetch.outcome import FetchFailure, FetchOutcome, FetchRequest, Validators

BODY = b"\xff\xd8 an image"


def failure(outcome: FetchOutcome) -> tuple[FetchFailure | None, int, bool]:
    """A failure with the status, and whether it may pass."""
    assert outcome.body is None
    return outcome.failure, outcome.status, outcome.is_transient


def test_a_body_arrives_with_its_status(site: Site, fetch_all: FetchAll) -> None:
    """200 is a body and no failure."""
    [outcome] = fetch_all(site.at("/a.jpg", status(200, BODY)))
    assert outcome == FetchOutcome(200, BODY)


@pytest.mark.parametrize("code", [204, 206, 400, 401, 403, 404, 410])
def test_a_refusal_is_permanent(site: Site, fetch_all: FetchAll, code: int) -> None:
    """A refusal is asked for once, and its status recorded."""
    [outcome] = fetch_all(site.at("/a.jpg", status(code)))
    assert failure(outcome) == (FetchFailure.HTTP_ERROR, code, False)
    assert site.count("/a.jpg") == 1


@pytest.mark.parametrize("code", [408, 425, 500, 502, 503, 504, 522])
def test_a_server_error_is_retried(site: Site, fetch_all: FetchAll, code: int) -> None:
    """What passes costs another request; what does not is transient."""
    passing = site.at("/passing.jpg", in_turn(status(code), status(code), status(200, BODY)))
    lasting = site.at("/lasting.jpg", status(code))
    first, second = fetch_all(passing, lasting, retries=2)
    assert first.body == BODY
    assert failure(second) == (FetchFailure.HTTP_ERROR, code, True)
    assert site.count("/lasting.jpg") == 3


def test_equal_urls_are_one_request(site: Site, fetch_all: FetchAll) -> None:
    """Each request has its outcome, but the server is asked once."""
    url = site.at("/a.jpg", slow(status(200, BODY), 0.1))
    assert [outcome.body for outcome in fetch_all(url, url, url)] == [BODY] * 3
    assert site.count("/a.jpg") == 1


@pytest.mark.parametrize("length", [len(BODY), 10_000])
def test_a_cut_body_is_fetched_again(site: Site, fetch_all: FetchAll, length: int) -> None:
    """A body shorter than announced is never taken for the whole."""
    passing = site.at("/passing.jpg", in_turn(cut(BODY, length), status(200, BODY)))
    lasting = site.at("/lasting.jpg", cut(BODY, length))
    first, second = fetch_all(passing, lasting, retries=1)
    assert first.body == BODY
    assert failure(second) == (FetchFailure.CUT, 200, True)


def test_a_cut_chunked_body_is_fetched_again(site: Site, fetch_all: FetchAll) -> None:
    """Without a last chunk the body is not whole."""
    url = site.at("/a.jpg", in_turn(cut_chunks(BODY), chunks(iter([BODY, BODY]))))
    assert fetch_all(url)[0].body == BODY * 2


def test_validators_ask_only_for_changes(site: Site, fetch_all: FetchAll) -> None:
    """ETag and Last-Modified come back with the next request, and 304 is no failure."""
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    url = site.at("/a.jpg", status(200, BODY, ETag='"1"', Last_Modified=date))
    [first] = fetch_all(url)
    assert first.validators == Validators('"1"', date)
    site.at("/a.jpg", status(304))
    [second] = fetch_all(FetchRequest(0, url, first.validators))
    assert second.is_not_modified
    assert second.validators == first.validators
    headers = site.headers("/a.jpg")
    assert (headers["If-None-Match"], headers["If-Modified-Since"]) == ('"1"', date)


@pytest.mark.parametrize("etag", ['"Ж"', "x" * 1_000, "a\x7fb"])
def test_a_strange_validator_is_not_kept(site: Site, fetch_all: FetchAll, etag: str) -> None:
    """One that could not be stored, or be sent again."""
    url = site.at("/a.jpg", status(200, BODY, ETag=etag.encode().decode("latin-1")))
    [outcome] = fetch_all(url)
    assert outcome.body == BODY
    assert outcome.validators == Validators()


def test_not_modified_without_validators_is_a_failure(site: Site, fetch_all: FetchAll) -> None:
    """There is no earlier file that it could mean."""
    [outcome] = fetch_all(site.at("/a.jpg", status(304)))
    assert failure(outcome) == (FetchFailure.HTTP_ERROR, 304, False)


def test_redirects_are_followed(site: Site, fetch_all: FetchAll) -> None:
    """Relative and absolute ones, up to the limit."""
    site.at("/b/c.jpg", status(200, BODY))
    site.at("/b/a.jpg", redirect("c.jpg", 301))
    first = site.at("/a.jpg", redirect(f"{site.url}/b/a.jpg", 307))
    assert fetch_all(first, max_redirects=2)[0].body == BODY
    [outcome] = fetch_all(first, max_redirects=1)
    assert failure(outcome) == (FetchFailure.BAD_REDIRECT, 301, False)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1251"])
def test_a_location_in_cyrillic_is_followed(site: Site, fetch_all: FetchAll, encoding: str) -> None:
    """Unquoted, as some servers send it: its bytes are asked for."""
    site.at(f"/{quote('фото', encoding=encoding)}.jpg", status(200, BODY))
    location = "/фото.jpg".encode(encoding).decode("latin-1")  # as it goes over the wire
    assert fetch_all(site.at("/a.jpg", redirect(location)))[0].body == BODY


@pytest.mark.parametrize("target", ["/loop.jpg", "", "ftp://example.org/a", "http://[::"])
def test_redirects_to_nowhere_end(site: Site, fetch_all: FetchAll, target: str) -> None:
    """A loop, an empty location and another scheme are no image."""
    [outcome] = fetch_all(site.at("/loop.jpg", redirect(target)))
    assert failure(outcome)[0] is FetchFailure.BAD_REDIRECT


def test_a_huge_body_is_refused(site: Site, fetch_all: FetchAll) -> None:
    """By its announced length before it comes, else once it is too large."""
    announced = site.at("/announced.jpg", status(200, bytes(20_000)))
    streamed = site.at("/streamed.jpg", chunks(bytes(1_000) for _ in range(1_000_000)))
    for outcome in fetch_all(announced, streamed, max_megabytes=0.01):
        assert failure(outcome) == (FetchFailure.TOO_LARGE, 200, False)


def test_a_decompression_bomb_is_refused(site: Site, fetch_all: FetchAll) -> None:
    """Its decompressed size counts; a harmless encoding is decoded."""
    bomb = gzip.compress(bytes(50_000_000))
    outcomes = fetch_all(
        site.at("/bomb.jpg", status(200, bomb, Content_Encoding="gzip")),
        site.at("/plain.jpg", status(200, gzip.compress(BODY), Content_Encoding="gzip")),
        site.at("/broken.jpg", status(200, BODY, Content_Encoding="gzip")),
        max_megabytes=1,
        retries=0,
    )
    assert failure(outcomes[0])[0] is FetchFailure.TOO_LARGE
    assert outcomes[1].body == BODY
    assert outcomes[2].body is None


def test_a_slow_server_is_not_waited_for(site: Site, fetch_all: FetchAll) -> None:
    """Neither one that says nothing nor one that drips for ever."""
    silent = site.at("/silent.jpg", slow(status(200, BODY), 3))
    dripping = site.at("/dripping.jpg", drip(BODY, 0.2))
    first, second = fetch_all(silent, dripping, read_seconds=0.5, image_seconds=1, retries=0)
    assert failure(first) == (FetchFailure.TIMEOUT, 0, True)
    assert failure(second) == (FetchFailure.TIMEOUT, 200, True)


def test_requests_name_their_sender(site: Site, fetch_all: FetchAll) -> None:
    """Vitrina by default."""
    url = site.at("/a.jpg", status(200, BODY))
    fetch_all(url)
    assert site.headers("/a.jpg")["User-Agent"].startswith("Vitrina/")
    fetch_all(url, user_agent="Another/1.0")
    assert site.headers("/a.jpg")["User-Agent"] == "Another/1.0"


def test_no_more_requests_at_once_than_allowed(site: Site, fetch_all: FetchAll) -> None:
    """The server itself counts them, redirects included."""
    urls = [site.at(f"/{number}.jpg", slow(status(200, BODY), 0.05)) for number in range(30)]
    fetch_all(*urls, per_host=4)
    assert site.at_once == 4
    assert site.connections <= 4


def test_bodies_wait_in_bounded_memory(site: Site, fetch_all: FetchAll) -> None:
    """More than fits at a time arrives whole all the same."""
    body = os.urandom(300_000)
    urls = [site.at(f"/{number}.jpg", status(200, body)) for number in range(40)]
    assert all(outcome.body == body for outcome in fetch_all(*urls))
