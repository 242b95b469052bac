"""An event loop in a thread of its own, in which downloads run beside the caller."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from threading import Thread
from typing import Self

from vitrina.config.fetch import FetchConfig
from vitrina.images.fetch.body_memory import BodyMemory
from vitrina.images.fetch.client import Client
from vitrina.images.fetch.downloader import Downloader
from vitrina.images.fetch.outcome import FetchOutcome, Validators
from vitrina.images.fetch.proxies import Proxies
from vitrina.images.fetch.sessions import Sessions

DNS_THREADS = 32
MEMORY = 1 << 28  # bytes of bodies
END_SECONDS = 2.0  # for connections to close; look-ups in DNS cannot be interrupted


class DownloadThread:
    """Downloads URLs while it is entered; leaving it ends those in progress."""

    def __init__(self, config: FetchConfig) -> None:
        """Raises UserError if the environment names a proxy that cannot be used."""
        self._config, self._proxies = config, Proxies.from_environment()
        self._ready: Future[Downloader] = Future()

    def __enter__(self) -> Self:
        # In the caller's context, by which Prefect knows the run that a line of the log belongs to.
        run, main = copy_context().run, self._serve()
        self._thread = Thread(target=run, args=(asyncio.run, main), name="fetch", daemon=True)
        self._thread.start()
        self._downloader = self._ready.result()
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(END_SECONDS)

    async def _serve(self) -> None:
        """Have sessions until the end; asyncio.run cancels what is then in progress."""
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_default_executor(ThreadPoolExecutor(DNS_THREADS, "dns"))
        self._memory = BodyMemory(MEMORY)
        try:
            async with Sessions.open(self._config, self._proxies) as sessions:
                client = Client(self._config, self._memory, sessions)
                self._ready.set_result(Downloader(client, self._config))
                await self._end.wait()
        except Exception as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    def start(
        self, url: str, known: Validators, then: Callable[["Future[FetchOutcome]"], None]
    ) -> None:
        """Download a URL; ``then`` is called in some thread when that is done."""
        download = self._downloader.download(url, known)
        asyncio.run_coroutine_threadsafe(download, self._loop).add_done_callback(then)

    def release(self, outcome: FetchOutcome) -> None:
        """The caller has taken the body, which makes room for others."""
        if outcome.body:
            self._loop.call_soon_threadsafe(self._memory.release, len(outcome.body))
