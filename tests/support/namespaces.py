"""A network of its own for each of several services, joined by a bridge, as Docker has it.

Every port is free there, only the others' addresses are reached, and a service that listens on
127.0.0.1 alone is not reached by them.
"""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

NETWORK = "vitrina-image"  # the namespace with the bridge, and the beginning of the others' names


def inside(service: str) -> list[str]:
    """What a command begins with that runs in a service's network."""
    return ["ip", "netns", "exec", _namespace(service)]


def addresses(services: Sequence[str]) -> dict[str, str]:
    """The IPv4 address of each service."""
    return {name: f"10.211.0.{number}" for number, name in enumerate(services, 1)}


@contextmanager
def network(services: Sequence[str]) -> Iterator[None]:
    """The networks of these services, removed at the end with all that is in them."""
    with ExitStack() as stack:
        stack.enter_context(_made(NETWORK))
        _ip("-n", NETWORK, "link", "add", "bridge", "type", "bridge")
        _ip("-n", NETWORK, "link", "set", "bridge", "up")
        for service, address in addresses(services).items():
            stack.enter_context(_made(_namespace(service)))
            _connect(_namespace(service), address, port=f"port{address.rpartition('.')[2]}")
        yield


def _namespace(service: str) -> str:
    return f"{NETWORK}-{service}"


@contextmanager
def _made(namespace: str) -> Iterator[None]:
    """A namespace; that of a test which was killed is replaced."""
    subprocess.run(["ip", "netns", "delete", namespace], capture_output=True, check=False)
    _ip("netns", "add", namespace)
    try:
        yield
    finally:
        _ip("netns", "delete", namespace)


def _connect(namespace: str, address: str, port: str) -> None:
    """A cable between the bridge and a namespace, which gets its address."""
    cable = ("type", "veth", "peer", "name", "eth0", "netns", namespace)
    _ip("-n", NETWORK, "link", "add", port, *cable)
    _ip("-n", NETWORK, "link", "set", port, "master", "bridge", "up")
    _ip("-n", namespace, "link", "set", "lo", "up")
    _ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
    _ip("-n", namespace, "link", "set", "eth0", "up")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
