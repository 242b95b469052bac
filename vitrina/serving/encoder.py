"""Encode the queries of many clients in one thread; those that wait together, in one pass.

Threads that asked the model at once would compute slower than if they took turns, for each of them
would use all cores.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from PIL import Image

from vitrina.search.index import Vectors

MAX_BATCH = 16  # queries in one pass
REMEMBERED = 2_000  # vectors of texts: whoever sets a filter asks for the same text again

Item = TypeVar("Item")
Encode = Callable[[Sequence[Item]], Vectors]


@dataclass
class Job(Generic[Item]):
    """A query that waits, and its vector once it is there."""

    item: Item
    vector: "Future[Vectors]" = field(default_factory=Future)


class Turns(Generic[Item]):
    """Queries of one sort, encoded in the order in which they come."""

    def __init__(self, encode: Encode[Item], thread: ThreadPoolExecutor) -> None:
        self._encode, self._thread = encode, thread
        self._waiting: deque[Job[Item]] = deque()

    def vectors(self, items: Sequence[Item]) -> list[Vectors]:
        """The vectors of queries; raises what encoding them raises."""
        jobs = [Job(item) for item in items]
        self._waiting.extend(jobs)
        for _ in jobs:
            self._thread.submit(self._encode_waiting)
        return [job.vector.result() for job in jobs]

    def _encode_waiting(self) -> None:
        """Encode all that waits; nothing, if that was done with an earlier query."""
        jobs = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
        try:
            vectors = self._encode([job.item for job in jobs]) if jobs else ()
        except Exception:  # noqa: BLE001 - it is raised again where the query came from
            self._encode_singly(jobs)
            return
        for job, vector in zip(jobs, vectors, strict=True):
            job.vector.set_result(vector)

    def _encode_singly(self, jobs: Sequence[Job[Item]]) -> None:
        """So that only the query that fails fails."""
        for job in jobs:
            try:
                job.vector.set_result(self._encode([job.item])[0])
            except Exception as error:  # noqa: BLE001 - the same
                job.vector.set_exception(error)


class Encoder:
    """Unit vectors (embed_dim,) of single texts and images, for any number of threads."""

    def __init__(self, texts: Encode[str], images: Encode[Image.Image]) -> None:
        thread = ThreadPoolExecutor(1, "encoder")
        self._texts, self._images = Turns(texts, thread), Turns(images, thread)
        self._known: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def text(self, text: str) -> Vectors:
        """The vector of a text; raises what encoding it raises."""
        with self._lock:
            if text in self._known:
                self._known.move_to_end(text)
                return self._known[text]
        (vector,) = self._texts.vectors([text])
        with self._lock:
            self._known[text] = vector
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return vector

    def texts(self, texts: Sequence[str]) -> list[Vectors]:
        """The vectors of several texts; raises what encoding them raises."""
        return self._texts.vectors(texts)

    def image(self, image: Image.Image) -> Vectors:
        """The vector of an image; raises what encoding it raises."""
        (vector,) = self._images.vectors([image])
        return vector
