"""Fetch many URLs at a time, with a bound on what is held in memory."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from itertools import islice
from queue import SimpleQueue
from typing import Generic

from vitrina.config.fetch import FetchConfig
from vitrina.images.fetch.download_thread import DownloadThread
from vitrina.images.fetch.outcome import FetchOutcome, FetchRequest, Key, Validators
from vitrina.images.fetch.reachability import Reachability

WINDOW = 2_000  # requests that are read ahead: a slow host does not hold up the others

_Asked = tuple[str, Validators]


def fetch(
    requests: Iterable[FetchRequest[Key]], config: FetchConfig
) -> Iterator[tuple[Key, FetchOutcome]]:
    """The key of each request with its outcome, as soon as it is known: in any order.

    Requests are read as outcomes are taken, in the same thread. Equal ones among the next
    ``WINDOW`` share one download. Bodies that are not taken yet stop further downloads; what the
    caller keeps of them is not counted. Call it once for as many URLs as possible: its end waits
    for the slowest, and it learns which hosts are down. Closing the iterator, as an exception such
    as Ctrl-C does, ends all downloads.

    A failure of one URL is an outcome. Raises UserError if no host can be reached or a proxy
    cannot be used, and HostLostError, which a retry may mend, if hosts stopped answering.
    """
    reachability = Reachability(config)
    unread = iter(requests)
    with DownloadThread(config) as downloads:
        window: _Window[Key] = _Window(downloads)
        while window.fill(unread):
            url, outcome, keys = window.take()
            reachability.note(url, outcome)
            for key in keys:
                yield key, outcome
            downloads.release(outcome)
    reachability.check()


class _Window(Generic[Key]):
    """Requests that were read and whose outcome was not taken yet."""

    def __init__(self, downloads: DownloadThread) -> None:
        self._downloads = downloads
        self._free = WINDOW
        self._keys: dict[_Asked, list[Key]] = {}
        self._done: SimpleQueue[tuple[_Asked, Future[FetchOutcome]]] = SimpleQueue()

    def fill(self, unread: Iterator[FetchRequest[Key]]) -> bool:
        """Start requests until the window is full; False if there are none any more."""
        for request in islice(unread, self._free):
            self._free -= 1
            asked = request.url, request.known
            if asked not in self._keys:
                self._keys[asked] = []
                self._downloads.start(*asked, partial(self._put, asked))
            self._keys[asked].append(request.key)
        return bool(self._keys)

    def _put(self, asked: _Asked, download: "Future[FetchOutcome]") -> None:
        self._done.put((asked, download))

    def take(self) -> tuple[str, FetchOutcome, list[Key]]:
        """The next URL that is done, and the keys of its requests. Raises HostLostError."""
        asked, download = self._done.get()
        keys = self._keys.pop(asked)
        self._free += len(keys)
        return asked[0], download.result(), keys
