"""HTTP sessions: one for direct connections, and one for each proxy of the environment."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Self

import aiohttp
from aiohttp_socks import ProxyConnector
from yarl import URL

from vitrina.config.fetch import FetchConfig
from vitrina.images.fetch.address import public_socket
from vitrina.images.fetch.proxies import Proxies, is_socks

READ_BUFFER = 1 << 18  # bytes per connection: photos arrive without pauses


class Sessions:
    """Sessions by the address of the proxy, None for direct connections."""

    def __init__(
        self, proxies: Proxies, sessions: Mapping[str | None, aiohttp.ClientSession]
    ) -> None:
        self._proxies, self._sessions = proxies, sessions

    @classmethod
    @asynccontextmanager
    async def open(cls, config: FetchConfig, proxies: Proxies) -> AsyncIterator[Self]:
        """Sessions for the running event loop."""
        addresses: set[str | None] = {None, *proxies.by_scheme.values()}
        async with AsyncExitStack() as stack:
            sessions = {
                proxy: await stack.enter_async_context(_session(config, proxy))
                for proxy in addresses
            }
            yield cls(proxies, sessions)

    def get(self, url: URL, headers: Mapping[str, str]) -> "aiohttp.client._RequestContextManager":
        """A request to be entered, which follows no redirect."""
        proxy = self._proxies.of(url)
        named = None if proxy is None or is_socks(proxy) else proxy
        return self._sessions[proxy].get(url, headers=headers, proxy=named, allow_redirects=False)


def _session(config: FetchConfig, proxy: str | None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=_connector(config, proxy),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={
            "User-Agent": config.user_agent or f"Vitrina/{version('vitrina')}",
            "Accept": "image/*,*/*;q=0.5",
            "Accept-Encoding": "identity",
        },
        timeout=aiohttp.ClientTimeout(
            total=None, connect=config.connect_seconds, sock_read=config.read_seconds
        ),
        read_bufsize=READ_BUFFER,
    )


def _connector(config: FetchConfig, proxy: str | None) -> aiohttp.BaseConnector:
    """Connections without a limit, which the hosts' slots are; direct ones are checked.

    What lies behind a proxy is its own affair, and the proxy itself may well be private.
    """
    tls = ssl.create_default_context()
    if proxy and is_socks(proxy):
        return ProxyConnector.from_url(proxy, rdns=True, limit=0, ssl=tls)
    is_checked = proxy is None and not config.allow_private_addresses
    factory = public_socket if is_checked else None
    return aiohttp.TCPConnector(limit=0, ssl=tls, socket_factory=factory)
