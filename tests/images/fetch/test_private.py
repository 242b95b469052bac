"""No server of this machine or a private network is asked, whatever its address looks like."""

import socket
from typing import Any

import pytest

from tests.images.fetch.conftest import FetchAll
from tests.support.image_server import Site, redirect, serving, status
from vitrina.images.fetch import address
from vitrina.images.fetch.outcome import FetchFailure

BODY = b"\xff\xd8 an image"
SHOP = "shop.example"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The addresses that DNS knows for names, as a test likes."""
    known: dict[str, str] = {}
    look_up = socket.getaddrinfo

    def getaddrinfo(host: str, *arguments: Any, **options: Any) -> Any:
        return look_up(known.get(host, host), *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "LocalHost", "[::ffff:127.0.0.1]", "１２７.０.０.１", "0.0.0.0", SHOP]
)
def test_loopback_is_refused(
    site: Site, fetch_all: FetchAll, names: dict[str, str], host: str
) -> None:
    """Each leads to the server if private addresses are allowed, and none otherwise."""
    names[SHOP] = "127.0.0.1"
    port = site.at("/", status(200, BODY)).split(":")[2]
    [allowed] = fetch_all(f"http://{host}:{port}")
    assert allowed.body == BODY
    site.connections = 0
    [refused] = fetch_all(f"http://{host}:{port}", allow_private_addresses=False)
    assert refused.failure is FetchFailure.REFUSED_ADDRESS
    assert not refused.is_transient
    assert "fetch.allow_private_addresses" in refused.detail
    assert site.connections == 0


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.0.0.1", "127.0.0.1."]
)
def test_numbers_are_addresses_too(site: Site, fetch_all: FetchAll, host: str) -> None:
    """As the system reads them."""
    port = site.at("/", status(200, BODY)).split(":")[2]
    [refused] = fetch_all(f"http://{host}:{port}", allow_private_addresses=False)
    assert refused.failure is FetchFailure.REFUSED_ADDRESS
    assert site.connections == 0


def test_a_refused_host_is_not_taken_for_a_dead_one(
    fetch_all: FetchAll, names: dict[str, str]
) -> None:
    """However many URLs it has."""
    names[SHOP] = "10.0.0.1"
    urls = [f"http://{SHOP}/{number}.jpg" for number in range(50)]
    outcomes = fetch_all(*urls, allow_private_addresses=False, patience=0)
    assert {outcome.failure for outcome in outcomes} == {FetchFailure.REFUSED_ADDRESS}


@pytest.mark.parametrize("target", ["127.0.0.2", "inside.example", "2130706434"])
def test_a_redirect_inside_is_refused(
    site: Site,
    fetch_all: FetchAll,
    names: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    target: str,
) -> None:
    """A public server cannot lead to a private one."""
    names["inside.example"] = "127.0.0.2"
    monkeypatch.setattr(address, "is_public", lambda one: one == "127.0.0.1")
    with serving("127.0.0.2") as inside:
        inside.at("/a.jpg", status(200, BODY))
        port = inside.url.rpartition(":")[2]
        url = site.at("/a.jpg", redirect(f"http://{target}:{port}/a.jpg"))
        [outcome] = fetch_all(url, allow_private_addresses=False)
        assert outcome.failure is FetchFailure.REFUSED_ADDRESS
        assert site.count("/a.jpg") == 1
        assert inside.connections == 0


def test_a_public_address_among_private_ones_is_used(
    site: Site, fetch_all: FetchAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name with both is fetched from the public one."""
    look_up = socket.getaddrinfo

    def getaddrinfo(host: str, *arguments: Any, **options: Any) -> Any:
        if host != SHOP:
            return look_up(host, *arguments, **options)
        found = [look_up(one, *arguments, **options) for one in ("127.0.0.2", "127.0.0.1")]
        return [info for infos in found for info in infos]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(address, "is_public", lambda one: one == "127.0.0.1")
    url = site.at("/a.jpg", status(200, BODY)).replace("127.0.0.1", SHOP)
    [outcome] = fetch_all(url, allow_private_addresses=False)
    assert outcome.body == BODY


def test_the_connection_goes_to_the_address_that_was_checked(
    site: Site, fetch_all: FetchAll, names: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: a name that becomes private after its check is not looked up again."""
    names[SHOP] = "127.0.0.1"

    def is_public(one: str) -> bool:
        names[SHOP] = "127.0.0.2"
        return one == "127.0.0.1"

    monkeypatch.setattr(address, "is_public", is_public)
    with serving("127.0.0.2") as inside:
        url = site.at("/a.jpg", status(200, BODY)).replace("127.0.0.1", SHOP)
        [outcome] = fetch_all(url, allow_private_addresses=False)
        assert outcome.body == BODY
        assert inside.connections == 0


@pytest.mark.parametrize("url", ["", "a.jpg", "ftp://127.0.0.1/a.jpg", "file:///etc/passwd"])
def test_only_http_is_fetched(fetch_all: FetchAll, url: str) -> None:
    """Anything else is no URL of an image."""
    [outcome] = fetch_all(url)
    assert outcome.failure is FetchFailure.INVALID_URL
    assert not outcome.is_transient


def test_international_urls_arrive_as_meant(
    site: Site, fetch_all: FetchAll, names: dict[str, str]
) -> None:
    """A host in Cyrillic, and a path with Cyrillic letters and spaces."""
    names["xn--80aairftm.xn--p1ai"] = "127.0.0.1"
    site.at("/%D1%84%D0%BE%D1%82%D0%BE%201.jpg", status(200, BODY))
    port = site.url.rpartition(":")[2]
    assert fetch_all(f"http://Магазин.РФ:{port}/фото 1.jpg")[0].body == BODY


def test_credentials_are_sent_to_their_host_only(
    site: Site, fetch_all: FetchAll, caplog: pytest.LogCaptureFixture
) -> None:
    """User and password of a URL authorize it; neither another host nor a log line gets them."""
    caplog.set_level("DEBUG")
    with serving("127.0.0.2") as other:
        target = other.at("/b.jpg", status(401))
        site.at("/a.jpg", redirect(target))
        port = site.url.rpartition(":")[2]
        [outcome] = fetch_all(f"http://user:s3cret@127.0.0.1:{port}/a.jpg")
        assert site.headers("/a.jpg")["Authorization"].startswith("Basic ")
        assert "Authorization" not in other.headers("/b.jpg")
    assert outcome.status == 401
    assert "s3cret" not in caplog.text + outcome.detail
