"""Fetch many URLs at a time, with a bound on what is held in memory."""

from collections.abc import Generator, Iterable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Generic, Self

from vitrina.config.fetch import FetchConfig
from vitrina.images.fetch.download_thread import DownloadThread
from vitrina.images.fetch.outcome import FetchOutcome, FetchRequest, Key, Validators
from vitrina.images.fetch.reachability import Reachability

WINDOW = 2_000  # requests in progress: a slow host does not hold up the others

_Asked = tuple[str, Validators]


def fetch(
    requests: Iterable[FetchRequest[Key]], config: FetchConfig
) -> Generator[tuple[Key, FetchOutcome]]:
    """The key of each request with its outcome, as soon as it is known: in any order.

    Requests are read as outcomes are taken, in the same thread. Closing the iterator, as an
    exception such as Ctrl-C does, ends all downloads. Raises what Fetcher does.
    """
    unread = iter(requests)
    with Fetcher[Key](config) as fetcher:
        while True:
            while not fetcher.is_full and (request := next(unread, None)):
                fetcher.start(request)
            if not fetcher.in_progress:
                break
            yield from fetcher.take()
        fetcher.check_reachable()


class Fetcher(Generic[Key]):
    """Fetches what it is given while it is entered; leaving it ends what is in progress.

    Equal requests in progress share one download. Bodies that are not taken yet stop further
    downloads; what the caller keeps of them is not counted. One fetcher for as many URLs as
    possible learns which hosts are down, and waits only once for the slowest.

    A failure of one URL is an outcome. Raises UserError if no host can be reached or a proxy cannot
    be used, and HostLostError, which a retry may mend, if hosts that answered are gone.
    """

    def __init__(self, config: FetchConfig) -> None:
        self.in_progress = 0  # requests whose outcome has not been taken
        self._downloads = DownloadThread(config)
        self._reachability = Reachability(config)
        self._keys: dict[_Asked, list[Key]] = {}
        self._done: SimpleQueue[tuple[_Asked, Future[FetchOutcome]]] = SimpleQueue()
        self._taken = FetchOutcome()  # the caller may still be at work on it

    def __enter__(self) -> Self:
        self._downloads.__enter__()
        return self

    def __exit__(self, *_error: object) -> None:
        self._downloads.__exit__()

    @property
    def is_full(self) -> bool:
        """Whether outcomes are to be taken before more requests are started."""
        return self.in_progress >= WINDOW

    def start(self, request: FetchRequest[Key]) -> None:
        """Begin to fetch."""
        asked = request.url, request.known
        if asked not in self._keys:
            self._keys[asked] = []
            self._downloads.start(*asked, partial(self._put, asked))
        self._keys[asked].append(request.key)
        self.in_progress += 1

    def _put(self, asked: _Asked, download: "Future[FetchOutcome]") -> None:
        self._done.put((asked, download))

    def take(self) -> list[tuple[Key, FetchOutcome]]:
        """Wait for the next outcome; it comes with the key of each request that asked for it.

        Its body counts as held until the next call.
        """
        self._downloads.release(self._taken)
        asked, download = self._done.get()
        keys = self._keys.pop(asked)
        self.in_progress -= len(keys)
        self._taken = download.result()
        self._reachability.note(asked[0], self._taken)
        return [(key, self._taken) for key in keys]

    def check_reachable(self) -> None:
        """Raise UserError if enough URLs were tried and no host could be reached."""
        self._reachability.check()
