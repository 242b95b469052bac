"""One HTTP exchange: a URL in, an answer out, or an AttemptError that says what may help."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Self

import aiohttp
from yarl import URL

from vitrina.config.fetch import FetchConfig
from vitrina.images.fetch.address import has_private_literal, public_socket
from vitrina.images.fetch.attempt import BodyTooLargeError, as_attempt_error, refused_address
from vitrina.images.fetch.body_memory import BodyMemory
from vitrina.images.fetch.outcome import ACCEPTED, Validators
from vitrina.images.fetch.proxies import Proxies

READ_BUFFER = 1 << 18  # bytes per connection: photos arrive without pauses
UNKNOWN_SIZE = 1 << 20  # bytes reserved for a body of unknown length
DNS_THREADS = 32


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]  # by name, in any case
    body: bytes | None  # only of accepted statuses


class Client:
    """HTTP within the limits of a config."""

    def __init__(
        self,
        config: FetchConfig,
        memory: BodyMemory,
        proxies: Proxies,
        direct: aiohttp.ClientSession,
        proxied: aiohttp.ClientSession,
    ) -> None:
        self._config, self._memory, self._proxies = config, memory, proxies
        self._direct, self._proxied = direct, proxied

    @classmethod
    @asynccontextmanager
    async def open(
        cls, config: FetchConfig, memory: BodyMemory, proxies: Proxies
    ) -> AsyncIterator[Self]:
        """A client for the running event loop."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(DNS_THREADS, "dns"))
        # Addresses behind a proxy are its own affair, and the proxy itself may well be private.
        is_open = config.allow_private_addresses
        async with (
            _session(config, is_checked=not is_open) as direct,
            _session(config, is_checked=False) as proxied,
        ):
            yield cls(config, memory, proxies, direct, proxied)

    async def get(self, url: URL, known: Validators) -> Answer:
        """The answer to one request, which follows no redirect. Raises AttemptError."""
        if has_private_literal(url) and not self._config.allow_private_addresses:
            raise refused_address()
        proxy = self._proxies.of(url)
        session = self._proxied if proxy else self._direct
        status = 0
        try:
            async with (
                asyncio.timeout(self._config.image_seconds) as limit,
                session.get(
                    url, proxy=proxy, headers=_conditions(known), allow_redirects=False
                ) as response,
            ):
                status, body = response.status, None
                if status in ACCEPTED:
                    body = await self._body(response, limit)
                return Answer(status, response.headers, body)
        except (aiohttp.ClientError, TimeoutError, ValueError, BodyTooLargeError) as error:
            raise as_attempt_error(error, status) from error

    async def _body(self, response: aiohttp.ClientResponse, limit: asyncio.Timeout) -> bytes:
        """The body; it counts as held in memory when this returns. Raises BodyTooLargeError."""
        length = response.content_length
        self._check_size(length or 0)
        reserved = UNKNOWN_SIZE if length is None else length
        await self._wait_for_room(reserved, limit)
        try:
            parts: list[bytes] = []
            size = 0
            async for part in response.content.iter_any():
                parts.append(part)
                size += len(part)
                self._check_size(size)
                if size > reserved:
                    self._memory.grow(size - reserved)
                    reserved = size
        except BaseException:
            self._memory.release(reserved)
            raise
        self._memory.release(reserved - size)
        return b"".join(parts)

    async def _wait_for_room(self, size: int, limit: asyncio.Timeout) -> None:
        """Wait until the caller has taken enough bodies; the time limit stands still meanwhile."""
        loop = asyncio.get_running_loop()
        left = (limit.when() or 0) - loop.time()
        limit.reschedule(None)
        await self._memory.reserve(size)
        limit.reschedule(loop.time() + left)

    def _check_size(self, size: int) -> None:
        if size > self._config.max_megabytes * 1e6:
            raise BodyTooLargeError


def _session(config: FetchConfig, *, is_checked: bool) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0,  # the hosts' slots are the limit
            ssl=ssl.create_default_context(),
            socket_factory=public_socket if is_checked else None,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={
            "User-Agent": config.user_agent or f"Vitrina/{version('vitrina')}",
            "Accept": "image/*,*/*;q=0.5",
            "Accept-Encoding": "identity",
        },
        timeout=aiohttp.ClientTimeout(
            total=None, connect=config.connect_seconds, sock_read=config.read_seconds
        ),
        read_bufsize=READ_BUFFER,
    )


def _conditions(known: Validators) -> dict[str, str]:
    """Headers that ask for a body only if it is another one than that of the validators."""
    headers = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in headers.items() if value}
