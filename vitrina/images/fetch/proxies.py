"""The proxies of the environment: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self
from urllib import request

from yarl import URL

from vitrina.errors import UserError
from vitrina.images.fetch.address import literal_address

KINDS = ("http", "https", "socks4", "socks5")
LOOK_UP_BY_PROXY = {"socks4a": "socks4", "socks5h": "socks5"}  # as all of them do here


@dataclass(frozen=True)
class Proxies:
    """The proxy for each scheme of URLs, and the hosts that need none, as in NO_PROXY."""

    by_scheme: Mapping[str, str]
    excepted: str = ""

    @classmethod
    def from_environment(cls) -> Self:
        """The proxies that environment variables name.

        Raises UserError for one of another kind than HTTP and SOCKS.
        """
        found = request.getproxies_environment()
        named = {scheme: found.get(scheme) or found.get("all") for scheme in ("http", "https")}
        by_scheme = {scheme: _address(proxy) for scheme, proxy in named.items() if proxy}
        return cls(by_scheme, found.get("no", ""))

    def of(self, url: URL) -> str | None:
        """The proxy for a URL; None if there is none. Loopback is never asked through a proxy."""
        proxy, host = self.by_scheme.get(url.scheme), url.host or ""
        if proxy is None or _is_loopback(host):
            return None
        is_excepted = request.proxy_bypass_environment(  # type: ignore[attr-defined]  # not in its stubs
            host, {"no": self.excepted}
        )
        return None if is_excepted else proxy


def is_socks(proxy: str) -> bool:
    """Whether the proxy at an address speaks SOCKS."""
    return proxy.startswith("socks")


def _address(proxy: str) -> str:
    """The address of a proxy with its scheme. Raises UserError."""
    kind, _, place = proxy.rpartition("://") if "://" in proxy else ("http", "", proxy)
    kind = LOOK_UP_BY_PROXY.get(kind.lower(), kind.lower())
    if kind not in KINDS:
        raise UserError(
            f"HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names a proxy {kind}://…; images are fetched "
            f"through {', '.join(KINDS)}. Name another one, or the images' hosts in NO_PROXY."
        )
    return f"{kind}://{place}"


def _is_loopback(host: str) -> bool:
    literal = literal_address(host)
    return ip_address(literal).is_loopback if literal else host.rstrip(".") == "localhost"
