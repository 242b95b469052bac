"""Which URLs are asked for, and which addresses are never connected to."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from vitrina.images.fetch.address import (
    InvalidUrlError,
    RefusedAddressError,
    has_private_literal,
    is_public,
    parse_url,
    public_socket,
    shown_url,
)

PRIVATE = (
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("0.0.0.0", "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "192.0.2.1"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
    *("2001:0:53aa:64c:0:0:80ff:fffe", "2001:db8::1"),
)
PUBLIC = (
    *("8.8.8.8", "77.88.8.8", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808"),
    "2002:808:808::",
)
PRIVATE_NETWORKS = [
    ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")
]
private_ipv4 = st.sampled_from(PRIVATE_NETWORKS).flatmap(
    lambda network: st.integers(int(network[0]), int(network[-1])).map(IPv4Address)
)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused(address: str) -> None:
    """No socket is made for loopback, private, link-local, multicast and unspecified addresses."""
    assert not is_public(address)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(RefusedAddressError):
        public_socket((family, socket.SOCK_STREAM, 6, "", (address, 80)))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    """Also those that an IPv6 address carries."""
    assert is_public(address)


@given(private_ipv4)
def test_a_private_address_is_private_in_every_form(address: IPv4Address) -> None:
    """Decimal, octal, hexadecimal, short and within IPv6: each that the system understands."""
    number, parts = int(address), address.packed
    forms = [
        str(address),
        f"{address}.",
        str(number),
        hex(number),
        f"0{number:o}",
        ".".join(f"0{part:o}" for part in parts),
        ".".join(map(hex, parts)),
        f"{parts[0]}.{number & 0xFFFFFF}",
        f"[::ffff:{address}]",
        f"[{IPv6Address(number | 0x64FF9B << 96)}]",
        str(address).translate(str.maketrans("0123456789.", "０１２３４５６７８９。")),
    ]
    for form in forms:
        assert has_private_literal(parse_url(f"http://{form}:8080/a.jpg")), form


@given(st.text() | st.from_regex(r"https?://\S*"))
def test_any_text_is_a_url_or_refused(text: str) -> None:
    """A URL has a scheme, a host in ASCII and no character that must not be sent."""
    try:
        url = parse_url(text)
    except InvalidUrlError:
        return
    assert url.scheme in ("http", "https")
    assert url.raw_host
    sent = str(url)
    assert sent.isascii()
    assert sent.isprintable()
    assert " " not in sent
    assert parse_url(sent) == url


@given(st.integers(0, 2**128 - 1).map(IPv6Address) | st.integers(0, 2**32 - 1).map(IPv4Address))
def test_every_address_is_judged(address: IPv4Address | IPv6Address) -> None:
    """No address is an error, and none that the standard library knows as private is public."""
    if is_public(str(address)):
        assert not ip_address(address).is_loopback
        assert not ip_address(address).is_link_local
        assert not ip_address(address).is_multicast
        assert not ip_address(address).is_unspecified


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("http://a/b c/Ж.jpg?q=ы я", "http://a/b%20c/%D0%96.jpg?q=%D1%8B%20%D1%8F"),
        (
            "https://Магазин.РФ/фото.jpg",
            "https://xn--80aairftm.xn--p1ai/%D1%84%D0%BE%D1%82%D0%BE.jpg",
        ),
        ("http://a/x?sign=%2B%7E%2f+/=&b=%zz", "http://a/x?sign=%2B%7E%2f+/=&b=%25zz"),
        ("  HTTP://A.example/x#part\n", "http://a.example/x"),
        ("//cdn.example/x.jpg", "https://cdn.example/x.jpg"),
        ("http://a.example", "http://a.example/"),
        ("http://user:pass%40@a.example/", "http://user:pass%40@a.example/"),
        ("http://my_shop.example:8080/x", "http://my_shop.example:8080/x"),
    ],
)
def test_urls_are_sent_in_ascii(text: str, sent: str) -> None:
    """Hosts in IDNA, the rest percent-encoded; what is encoded already may be signed."""
    assert str(parse_url(text)) == sent


@pytest.mark.parametrize(
    "text",
    [
        *("", "a.jpg", "/a.jpg", "C:\\a.jpg", "http://", "http:///x", "ftp://a/b", "file:///etc/x"),
        *("data:image/png;base64,AA", "javascript:alert(1)", "http://a:99999/", "http://a:x/"),
        *("http://a:0/", "http://a..b/", "http://a b/", "http://127%2e0.0.1/", "http://[::1/"),
        *("http://" + "a" * 64 + ".ru/", "http://a/\ud800"),
    ],
)
def test_what_is_no_url_is_refused(text: str) -> None:
    """Another scheme, no host, or a host that cannot be one."""
    with pytest.raises(InvalidUrlError):
        parse_url(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:pass@a.example/x?token=1", "http://a.example/x"),
        ("//user:p/ss@word@a/x", "//user:p/ss@word@a/x"),
        ("http://user:p@ss@[::", "http://[::"),
        ("no url", "no url"),
    ],
)
def test_urls_are_shown_without_secrets(text: str, shown: str) -> None:
    """Also those that are none."""
    assert shown_url(text) == shown


def test_a_redirect_is_relative_to_its_url() -> None:
    """As in a browser."""
    base = URL("http://a/b/c?d")
    assert str(parse_url("../e.jpg", base)) == "http://a/e.jpg"
    assert str(parse_url("//f/g", base)) == "http://f/g"
