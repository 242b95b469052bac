"""A real S3 API over HTTP that has bad days: slow-down, cut bodies, a server that goes away."""

import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from tests.support.processes import free_port

Fault = str  # "503", "500", "cut" (the body ends early), "403 Code" (refused with that code)
Plan = Callable[[str, str], Fault | None]
"""By method and file name, what is wrong with the first such request; None is nothing."""

ERROR = "<Error><Code>{}</Code><Message>as the test wishes</Message></Error>"


class FlakyS3:
    """A WSGI application: moto's S3, with the first request of some kinds failing."""

    def __init__(self, plan: Plan) -> None:
        self.api = DomainDispatcherApplication(create_backend_app)
        self.plan = plan
        self.failed: list[str] = []
        self.asked: Counter[str] = Counter()

    def __call__(self, request: dict[str, Any], start: Any) -> Iterable[bytes]:
        """Answer like S3, or like S3 on a bad day."""
        method, name = request["REQUEST_METHOD"], request["PATH_INFO"].rsplit("/", 1)[-1]
        asked = f"{method} {request['PATH_INFO']}?{request.get('QUERY_STRING', '')}"
        fault = self.plan(method, name)
        self.asked[asked] += 1
        if fault is None or (self.asked[asked] > 1 and not fault.startswith("403")):
            return self.api(request, start)
        self.failed.append(f"{method} {name}")
        if fault == "cut":
            body = b"".join(self.api(request, start))
            return [body[: len(body) // 2]]
        status, _, code = fault.partition(" ")
        start(f"{status} As Wished", [("Content-Type", "application/xml")])
        return [] if method == "HEAD" else [ERROR.format(code or "SlowDown").encode()]


def some(method: str, name: str) -> Fault | None:
    """A fault for a third of all requests, the same ones each time."""
    faults: list[Fault | None] = ["503", "500", "cut" if method == "GET" else "503", *[None] * 6]
    return faults[zlib.crc32(f"{method} {name}".encode()) % len(faults)]


class Endpoint:
    """An address where the application answers, or, for a while, nobody."""

    def __init__(self, app: FlakyS3) -> None:
        self.app = app
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Begin to answer."""
        self.server = make_server("127.0.0.1", self.port, self.app, threaded=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        self.server.shutdown()
        self.server.server_close()

    def go_away(self, seconds: float) -> None:
        """Nobody answers for some seconds."""
        self.stop()
        time.sleep(seconds)
        self.start()


@contextmanager
def flaky_endpoint(plan: Plan) -> Iterator[Endpoint]:
    """An S3 server whose data is that of every moto server of this process."""
    endpoint = Endpoint(FlakyS3(plan))
    try:
        yield endpoint
    finally:
        endpoint.stop()
