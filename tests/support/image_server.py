"""A real HTTP server for images, which answers each path as a test wishes, well or badly."""

import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from typing import Any

Reply = Callable[["Handler"], None]
"""Writes the answer to one request."""


@dataclass
class Site:
    """What a server answers at each path, and what it was asked for."""

    replies: dict[str, Reply] = field(default_factory=dict)  # other paths are answered with 404
    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0  # most requests that were answered at the same time
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def at(self, path: str, reply: Reply) -> str:
        """The URL of a path that is answered so from now on."""
        self.replies[path] = reply
        return f"{self.url}{path}"

    def count(self, path: str) -> int:
        """How often a path was asked for."""
        return Counter(asked for asked, _ in self.asked)[path]

    def headers(self, path: str) -> dict[str, str]:
        """The headers of the last request for a path."""
        return [headers for asked, headers in self.asked if asked == path][-1]

    @contextmanager
    def answering(self, path: str, headers: dict[str, str]) -> Iterator[None]:
        """Note a request while it is being answered."""
        with self._lock:
            self.asked.append((path, headers))
            self._now += 1
            self.at_once = max(self.at_once, self._now)
        try:
            yield
        finally:
            with self._lock:
                self._now -= 1


class Handler(BaseHTTPRequestHandler):
    """Answers a request as the site says."""

    protocol_version = "HTTP/1.1"
    server: Any

    def setup(self) -> None:
        """A new connection."""
        super().setup()
        self.server.site.connections += 1

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        site: Site = self.server.site
        with site.answering(self.path, dict(self.headers)):
            try:
                site.replies.get(self.path, status(404))(self)
            except ConnectionError:
                self.close_connection = True  # the client had enough

    def head(self, code: int, **headers: object) -> None:
        """Status line and headers, whose names are written with underscores."""
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def close(self) -> None:
        """End the connection here."""
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)


def status(code: int, body: bytes = b"", **headers: object) -> Reply:
    """A whole answer."""

    def reply(handler: Handler) -> None:
        handler.head(code, **{"Content_Length": len(body), **headers})
        handler.wfile.write(body)

    return reply


def in_turn(*replies: Reply) -> Reply:
    """One answer after the other, the last one for ever."""
    coming = chain(replies, repeat(replies[-1]))
    return lambda handler: next(coming)(handler)


def redirect(location: str, code: int = 302) -> Reply:
    """A redirect."""
    return status(code, Location=location)


def cut(body: bytes, length: int) -> Reply:
    """A body that ends after half of its bytes, of which ``length`` were announced."""

    def reply(handler: Handler) -> None:
        handler.head(200, Content_Length=length)
        handler.wfile.write(body[: len(body) // 2])
        handler.close()

    return reply


def cut_chunks(body: bytes) -> Reply:
    """A chunked body without its last chunk."""

    def reply(handler: Handler) -> None:
        handler.head(200, Transfer_Encoding="chunked")
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
        handler.close()

    return reply


def chunks(parts: Iterator[bytes], **headers: object) -> Reply:
    """A chunked body."""

    def reply(handler: Handler) -> None:
        handler.head(200, Transfer_Encoding="chunked", **headers)
        for part in parts:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        handler.wfile.write(b"0\r\n\r\n")

    return reply


def drip(body: bytes, seconds: float) -> Reply:
    """A body that comes byte by byte, with a pause before each."""

    def reply(handler: Handler) -> None:
        handler.head(200, Content_Length=len(body))
        for byte in body:
            time.sleep(seconds)
            handler.wfile.write(bytes([byte]))

    return reply


def slow(reply: Reply, seconds: float) -> Reply:
    """An answer that takes time."""

    def later(handler: Handler) -> None:
        time.sleep(seconds)
        reply(handler)

    return later


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 200


@contextmanager
def serving(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """A running server on a free port."""
    site = Site()
    server = _Server((host, 0), Handler)
    server.site = site  # type: ignore[attr-defined]  # for Handler
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    site.url = f"{'https' if tls else 'http'}://{host}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
