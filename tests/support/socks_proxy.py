"""A SOCKS5 proxy that knows where some hosts are."""

import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

Routes = Mapping[tuple[str, int], str]
"""The URL of the server that answers for a host and port."""

VERSION, NO_LOGIN, SUCCEEDED, HOST_UNREACHABLE = 5, 0, 0, 4
NO_ADDRESS = bytes([0, 1, 0, 0, 0, 0, 0, 0])


class _Connection(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        self.rfile.read(self.rfile.read(2)[1])
        self.wfile.write(bytes([VERSION, NO_LOGIN]))
        host = self.rfile.read(self.rfile.read(5)[4]).decode()
        port = int.from_bytes(self.rfile.read(2), "big")
        url = self.server.routes.get((host, port))
        reply = SUCCEEDED if url else HOST_UNREACHABLE
        self.wfile.write(bytes([VERSION, reply]) + NO_ADDRESS)
        if url:
            place = urlsplit(url)
            with socket.create_connection((place.hostname, place.port)) as target:
                back = threading.Thread(target=_relay, args=(target, self.connection))
                back.start()
                _relay(self.connection, target)
                back.join()


def _relay(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def socks_proxy(routes: Routes) -> Iterator[str]:
    """The host and port of a running proxy."""
    with _Server(("127.0.0.1", 0), _Connection) as server:
        server.routes = routes  # type: ignore[attr-defined]  # for the connections
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
