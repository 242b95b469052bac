"""One HTTP exchange: a URL in, an answer out, or an AttemptError that says what may help."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from vitrina.config.fetch import FetchConfig
from vitrina.images.fetch.address import has_private_literal
from vitrina.images.fetch.attempt import (
    ATTEMPT_ERRORS,
    BodyTooLargeError,
    as_attempt_error,
    refused_address,
)
from vitrina.images.fetch.body_memory import BodyMemory, Room
from vitrina.images.fetch.outcome import ACCEPTED, Validators
from vitrina.images.fetch.sessions import Sessions

UNKNOWN_SIZE = 1 << 20  # bytes reserved for a body of unknown length


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]  # by name, in any case
    body: bytes | None  # only of accepted statuses


class Client:
    """HTTP within the limits of a config."""

    def __init__(self, config: FetchConfig, memory: BodyMemory, sessions: Sessions) -> None:
        self._config, self._memory, self._sessions = config, memory, sessions

    async def get(self, url: URL, known: Validators) -> Answer:
        """The answer to one request, which follows no redirect. Raises AttemptError."""
        if has_private_literal(url) and not self._config.allow_private_addresses:
            raise refused_address()
        with self._memory.room() as room:
            return await self._exchange(url, known, room)

    async def _exchange(self, url: URL, known: Validators, room: Room) -> Answer:
        status = 0
        try:
            async with (
                asyncio.timeout(self._config.image_seconds) as limit,
                self._sessions.get(url, _conditions(known)) as response,
            ):
                status, body = response.status, None
                if status in ACCEPTED:
                    body = await self._body(response, room, limit)
                return Answer(status, response.headers, body)
        except ATTEMPT_ERRORS as error:
            raise as_attempt_error(error, status) from error

    async def _body(
        self, response: aiohttp.ClientResponse, room: Room, limit: asyncio.Timeout
    ) -> bytes:
        """The body, which holds as much room as it needs. Raises BodyTooLargeError."""
        length = response.content_length
        self._check_size(length or 0)
        await _wait_for_room(room, UNKNOWN_SIZE if length is None else length, limit)
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_any():
            parts.append(part)
            size += len(part)
            self._check_size(size)
            room.resize(max(size, room.size))
        room.resize(size)
        return b"".join(parts)

    def _check_size(self, size: int) -> None:
        if size > self._config.max_megabytes * 1e6:
            raise BodyTooLargeError


async def _wait_for_room(room: Room, size: int, limit: asyncio.Timeout) -> None:
    """Wait until the caller has taken enough bodies; the time limit stands still meanwhile."""
    loop = asyncio.get_running_loop()
    left = (limit.when() or 0) - loop.time()
    limit.reschedule(None)
    await room.wait(size)
    limit.reschedule(loop.time() + left)


def _conditions(known: Validators) -> dict[str, str]:
    """Headers that ask for a body only if it is another one than that of the validators."""
    headers = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in headers.items() if value}
