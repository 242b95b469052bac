"""The proxies of the environment: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self
from urllib import request
from urllib.request import getproxies_environment

from yarl import URL

from vitrina.errors import UserError
from vitrina.images.fetch.address import literal_address


@dataclass(frozen=True)
class Proxies:
    """Proxies by scheme; ``no`` lists the hosts that need none."""

    by_scheme: Mapping[str, str]

    @classmethod
    def from_environment(cls) -> Self:
        """The proxies that environment variables name.

        Raises UserError for one that is no HTTP proxy.
        """
        found = getproxies_environment()
        proxies = {
            scheme: address if "://" in address else f"http://{address}"
            for scheme in ("http", "https")
            if (address := found.get(scheme) or found.get("all"))
        }
        for scheme, address in proxies.items():
            if not address.lower().startswith(("http://", "https://")):
                raise UserError(
                    f"The proxy for {scheme} URLs is {address.partition('://')[0]}://…, but images "
                    f"are fetched only through HTTP proxies: set {scheme.upper()}_PROXY to one, or "
                    "NO_PROXY to the hosts of the images."
                )
        return cls({**proxies, "no": found.get("no", "")})

    def of(self, url: URL) -> str | None:
        """The proxy for a URL; None if there is none. Loopback is never asked through a proxy."""
        proxy, host = self.by_scheme.get(url.scheme), url.host or ""
        if proxy is None or _is_loopback(host):
            return None
        is_listed = request.proxy_bypass_environment(host, self.by_scheme)  # type: ignore[attr-defined]  # not in its stubs
        return None if is_listed else proxy


def _is_loopback(host: str) -> bool:
    literal = literal_address(host)
    return ip_address(literal).is_loopback if literal else host.rstrip(".") == "localhost"
