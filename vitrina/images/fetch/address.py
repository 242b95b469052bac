"""Which URLs may be asked for: http(s) ones, at public addresses unless private ones are allowed.

An address is checked when the connection to it is made, so that no form of a host (a name, decimal,
octal) and no change of a name's address gets around the check.
"""

import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import idna
from aiohttp import AddrInfoType
from yarl import URL

SCHEMES = ("http", "https")
DEFAULT_SCHEME = "https"  # of //host/path, as web pages write it
HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?", re.ASCII | re.IGNORECASE)
RESERVED = "!#$%&'()*+,/:;=?@[]~"  # kept as they are: a server may have signed them
LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
CREDENTIALS = re.compile(r"//[^/#]*@")
NAT64 = IPv6Network("64:ff9b::/96")


class InvalidUrlError(ValueError):
    """Not an http(s) URL; the message says what is wrong, without credentials."""


class RefusedAddressError(OSError):
    """A private address; all have the same text, by which attempts at several become one error."""

    def __init__(self) -> None:
        super().__init__("it has a private address")


def parse_url(text: str, base: URL | None = None) -> URL:
    """The URL as it is sent: host in ASCII, other characters percent-encoded, no fragment.

    What is percent-encoded already stays as it is. ``base`` is the URL that redirects to this one.
    Raises InvalidUrlError.
    """
    text = text.strip()
    try:
        parts = urlsplit(urljoin(str(base), text) if base else text, DEFAULT_SCHEME)
        if parts.scheme not in SCHEMES:
            raise InvalidUrlError("it does not begin with http:// or https://")
        return URL(_assembled(parts), encoded=True)
    except InvalidUrlError:
        raise
    except ValueError as error:
        raise InvalidUrlError("it is not a URL") from error


def _assembled(parts: SplitResult) -> str:
    """The URL of these parts in ASCII. Raises ValueError."""
    user = f"{_quoted(parts.netloc.rpartition('@')[0])}@" if "@" in parts.netloc else ""
    if parts.port == 0:
        raise ValueError("nothing answers at port 0")
    port = f":{parts.port}" if parts.port else ""
    query = f"?{_quoted(parts.query)}" if parts.query else ""
    place = f"{user}{_ascii_host(parts.hostname or '')}{port}"
    return f"{parts.scheme}://{place}{_quoted(parts.path) or '/'}{query}"


def _ascii_host(host: str) -> str:
    """A host name or address as it stands in a URL. Raises ValueError."""
    if ":" in host:
        return f"[{IPv6Address(host)}]"
    if not host.isascii():
        host = idna.encode(host, uts46=True).decode()
    labels = host.removesuffix(".").split(".")
    if not HOST_NAME.fullmatch(host) or not all(0 < len(label) < 64 for label in labels):
        raise ValueError("not a host name")
    return host


def _quoted(text: str) -> str:
    # Bytes of a Location header that are not UTF-8 come as surrogates, and are sent as they were.
    return quote(LONE_PERCENT.sub("%25", text), safe=RESERVED, errors="surrogateescape")


def shown_url(text: str) -> str:
    """A URL, or what is none, for people: without user, password and query, which may be secret."""
    return CREDENTIALS.sub("//", text.partition("?")[0])


def literal_address(host: str) -> str | None:
    """The IP address that a host stands for without asking DNS; None for a name.

    Decimal, octal, hexadecimal and short forms of IPv4 count, as the system understands them.
    """
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
    except OSError:
        return None


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also the IPv4 one within an IPv6."""
    ip = _innermost(ip_address(address.partition("%")[0]))
    return ip.is_global and not (
        ip.is_multicast or ip.is_reserved or (isinstance(ip, IPv6Address) and ip.is_site_local)
    )


def _innermost(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address leads to by mapping, 6to4, Teredo or NAT64."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip in NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1]) or ip


def has_private_literal(url: URL) -> bool:
    """Whether the URL's host is itself a private address; what a name stands for is not asked."""
    literal = literal_address(url.raw_host or "")
    return literal is not None and not is_public(literal)


def public_socket(info: AddrInfoType) -> socket.socket:
    """A socket for a connection to one address. Raises RefusedAddressError if it is private."""
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise RefusedAddressError
    return socket.socket(family, kind, protocol)
