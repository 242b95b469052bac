"""A bound on the bytes of bodies that are being received or wait to be taken."""

import asyncio


class BodyMemory:
    """Bytes held, of at most ``limit``; but a single body may be larger."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._queue = asyncio.Lock()
        self._freed = asyncio.Event()

    async def reserve(self, size: int) -> None:
        """Wait until there is room, in order: small bodies do not starve a large one."""
        async with self._queue:
            while self.held and self.held + size > self.limit:
                self._freed.clear()
                await self._freed.wait()
            self.held += size

    def grow(self, size: int) -> None:
        """Hold more bytes without waiting: a body is larger than expected."""
        self.held += size

    def release(self, size: int) -> None:
        """Bytes are no longer held."""
        self.held -= size
        self._freed.set()
