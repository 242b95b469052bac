"""Fetching through the proxies that the environment names."""

import pytest
from yarl import URL

from tests.images.fetch.conftest import FetchAll
from tests.support.image_server import Site, serving, status
from tests.support.processes import free_port
from tests.support.socks_proxy import socks_proxy
from vitrina.errors import UserError
from vitrina.images.fetch.outcome import FetchFailure
from vitrina.images.fetch.proxies import Proxies

BODY = b"\xff\xd8 an image"
URL_BEHIND = "http://shop.example/a.jpg"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_is_used(
    site: Site, fetch_all: FetchAll, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The proxy looks up the name; it may itself have a private address."""
    site.replies[URL_BEHIND] = status(200, BODY)
    monkeypatch.setenv(variable, site.url.removeprefix("http://"))
    [outcome] = fetch_all(URL_BEHIND, allow_private_addresses=False)
    assert outcome.body == BODY


def test_a_proxy_is_no_way_inside(
    site: Site, fetch_all: FetchAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A private address is refused before the proxy is asked."""
    monkeypatch.setenv("HTTP_PROXY", site.url)
    [outcome] = fetch_all("http://10.0.0.1/a.jpg", allow_private_addresses=False)
    assert outcome.failure is FetchFailure.REFUSED_ADDRESS
    assert site.connections == 0


def test_loopback_needs_no_proxy(
    site: Site, fetch_all: FetchAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This machine's own servers are asked directly."""
    with serving() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        url = site.at("/a.jpg", status(200, BODY))
        urls = [url, url.replace("127.0.0.1", "localhost")]
        assert [outcome.body for outcome in fetch_all(*urls)] == [BODY, BODY]
        assert proxy.connections == 0


@pytest.mark.parametrize(
    ("no_proxy", "expected"),
    [("", "http://proxy:1"), ("shop.example", None), (".example", None), ("*", None)],
)
def test_no_proxy_lists_hosts(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, expected: str | None
) -> None:
    """As other programs understand NO_PROXY."""
    monkeypatch.setenv("HTTP_PROXY", "proxy:1")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    proxies = Proxies.from_environment()
    assert proxies.of(URL(URL_BEHIND)) == expected
    assert proxies.of(URL("https://shop.example/")) is None


@pytest.mark.parametrize("kind", ["socks5", "socks5h", "SOCKS5"])
def test_a_socks_proxy_is_used(
    site: Site, fetch_all: FetchAll, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """It looks up the names, and what it cannot connect to is unreachable."""
    site.at("/a.jpg", status(200, BODY))
    with socks_proxy({("shop.example", 80): site.url}) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"{kind}://{proxy}")
        limits = {"allow_private_addresses": False, "patience": 0.1}
        known, unknown = fetch_all(URL_BEHIND, "http://other.example/", **limits)
    assert known.body == BODY
    assert unknown.failure is FetchFailure.UNREACHABLE


def test_a_socks_proxy_that_is_away_is_waited_for(
    fetch_all: FetchAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a host is."""
    monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{free_port()}")
    [outcome] = fetch_all(URL_BEHIND, patience=0.1)
    assert outcome.failure is FetchFailure.UNREACHABLE


def test_another_kind_of_proxy_is_refused(
    fetch_all: FetchAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be used is said, without its password."""
    monkeypatch.setenv("ALL_PROXY", "quic://user:s3cret@proxy:1080")
    with pytest.raises(UserError, match=r"quic://….*NO_PROXY") as error:
        fetch_all(URL_BEHIND)
    assert "s3cret" not in str(error.value)
