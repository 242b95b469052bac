"""Where is listened, and who is let in."""

import asyncio
import socket

import pytest

from flows.serve import check, with_token
from vitrina.config.serve import ServeConfig
from vitrina.errors import UserError
from vitrina.serving.listener import bound_socket, is_loopback

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_this_machine_needs_no_token(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By any of its own addresses."""
    monkeypatch.delenv("VITRINA_TOKEN", raising=False)
    assert is_loopback(host)
    check(ServeConfig(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "shop.example", ""])
def test_other_machines_need_one(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good one; from the environment or the command line."""
    monkeypatch.delenv("VITRINA_TOKEN", raising=False)
    with pytest.raises(UserError, match="Set VITRINA_TOKEN"):
        check(ServeConfig(host=host))
    for bad in ("short", "пароль-по-русски-длинный", "with a space in it 123"):
        with pytest.raises(UserError, match="at least 16 letters"):
            check(ServeConfig(host=host, token=bad))
    check(ServeConfig(host=host, token=TOKEN))
    monkeypatch.setenv("VITRINA_TOKEN", TOKEN)
    check(ServeConfig(host=host))
    assert with_token(ServeConfig(token="own-own-own-own-own")).token == "own-own-own-own-own"


def test_a_port_that_is_taken_is_said() -> None:
    """Before the model is loaded."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"127.0.0.1:{port} cannot be listened on"):
            bound_socket("127.0.0.1", port)
    with pytest.raises(UserError, match="cannot be listened on"):
        bound_socket("no.such.host.invalid", 0)


def test_answers_are_sent_at_once() -> None:
    """Without Nagle's algorithm, which holds each back until the one before is acknowledged."""

    async def has_no_delay() -> bool:
        found: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            option = (socket.IPPROTO_TCP, socket.TCP_NODELAY)
            found.set_result(bool(writer.get_extra_info("socket").getsockopt(*option)))
            writer.close()

        with bound_socket("127.0.0.1", 0) as listening:
            server = await asyncio.start_server(accept, sock=listening)
            async with server:
                _, writer = await asyncio.open_connection(*listening.getsockname())
                writer.close()
                return await found

    assert asyncio.run(has_no_delay())
