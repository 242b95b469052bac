"""A bound on the bytes of bodies that are being received or wait to be taken."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class BodyMemory:
    """Bytes held, of at most ``limit``; but a single body may be larger."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._queue = asyncio.Lock()
        self._freed = asyncio.Event()

    @contextmanager
    def room(self) -> Iterator["Room"]:
        """Room for one body, which stays held after the block unless an exception ends that."""
        room = Room(self)
        try:
            yield room
        except BaseException:
            room.resize(0)
            raise

    async def reserve(self, size: int) -> None:
        """Wait until there is room, in order: small bodies do not starve a large one."""
        async with self._queue:
            while self.held and self.held + size > self.limit:
                self._freed.clear()
                await self._freed.wait()
            self.held += size

    def release(self, size: int) -> None:
        """Bytes are no longer held."""
        self.held -= size
        self._freed.set()


class Room:
    """The bytes that one body holds."""

    def __init__(self, memory: BodyMemory) -> None:
        self.size = 0
        self._memory = memory

    async def wait(self, size: int) -> None:
        """Wait until that many bytes are free, and hold them."""
        await self._memory.reserve(size)
        self.size = size

    def resize(self, size: int) -> None:
        """Hold more or fewer bytes, without waiting."""
        self._memory.release(self.size - size)
        self.size = size
