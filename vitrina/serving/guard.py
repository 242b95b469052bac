"""What stands before every request: who may ask, how large it may be, and what browsers may do."""

import hashlib
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "vitrina"
# Without a token; these hold no data of the shop.
OPEN_PATHS = ("/", "/healthz", "/session", "/docs", "/openapi.json")
OPEN_FOLDER = "/page/"
CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


@dataclass(frozen=True)
class Guard:
    """An ASGI app before another one.

    Without a token only requests to this machine's own names are answered, so that a page of
    another site cannot ask through a name that it points here (DNS rebinding).
    """

    app: App
    token: str
    max_body: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or let through with a limit on what is read."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        send = _with_headers(send)
        refused = self._refusal(scope)
        if refused is None:
            refused = await self._pass_on(scope, receive, send)
        if refused is not None:
            await refused(scope, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> JSONResponse | None:
        """Let the app answer; a refusal instead if more comes than may be read."""
        body = _LimitedBody(receive, self.max_body)

        async def send_unless_too_large(message: Message) -> None:
            if not body.is_too_large:
                await send(message)

        try:
            await self.app(scope, body, send_unless_too_large)
        except Exception:
            if not body.is_too_large:  # else it is the app that misses the rest of the body
                raise
        return _too_large(self.max_body) if body.is_too_large else None

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers, path = Headers(scope=scope), scope["path"]
        if not self.token and not is_own_name(headers.get("host", "")):
            return _refused(421, "This server answers only under the names of its own machine.")
        is_open = path in OPEN_PATHS or path.startswith(OPEN_FOLDER)
        if self.token and not is_open and not self._knows_token(headers):
            return _refused(401, "A token is needed, as 'Authorization: Bearer …'.")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.max_body:
            return _too_large(self.max_body)
        return None

    def _knows_token(self, headers: Headers) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        by_header = kind.lower() == "bearer" and is_token(given.strip(), self.token)
        return by_header or is_same(_cookie(headers), session(self.token))


def is_token(given: str, token: str) -> bool:
    """Whether a token is the right one; how long it takes says nothing."""
    return is_same(session(given), session(token))


def is_same(one: str, other: str) -> bool:
    """Whether texts are equal; how long it takes says nothing of the right one."""
    return hmac.compare_digest(one.encode(), other.encode())


def session(token: str) -> str:
    """What a browser keeps in place of the token."""
    return hmac.new(token.encode(), b"vitrina page", hashlib.sha256).hexdigest()


def is_own_name(host: str) -> bool:
    """Whether a Host header is localhost or a loopback address."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _cookie(headers: Headers) -> str:
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""


@dataclass
class _LimitedBody:
    """Reads a body up to its limit; beyond, it is as if the client had left."""

    receive: Receive
    max_body: int
    read: int = 0

    @property
    def is_too_large(self) -> bool:
        return self.read > self.max_body

    async def __call__(self) -> Message:
        if self.is_too_large:
            return {"type": "http.disconnect"}
        message = await self.receive()
        self.read += len(message.get("body", b""))
        return {"type": "http.disconnect"} if self.is_too_large else message


def _with_headers(send: Send) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return with_headers


def _refused(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status)


def _too_large(max_body: int) -> JSONResponse:
    # The rest of the body is not read, so nothing more can be asked on this connection.
    detail = f"A request holds at most {max_body / 1e6:g} MB."
    return JSONResponse({"detail": detail}, 413, {"connection": "close"})
