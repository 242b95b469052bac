"""The run that is served now, and the watch for a new one."""

import logging
import threading
import time
from typing import TYPE_CHECKING, Literal, NamedTuple

from vitrina.embedding.stored import STAGE as EMBED
from vitrina.index.stored import STAGE as INDEX
from vitrina.onnx_export.folder import open_encoder, read_export
from vitrina.search.run import open_run
from vitrina.serving.served_run import ServedRun
from vitrina.store.artifacts import Store

if TYPE_CHECKING:
    from vitrina.onnx_export.session import OnnxEncoder

logger = logging.getLogger(__name__)

INDEX_SECONDS = 600.0  # that a new run waits for its index, if the one before had one
RETRY_SECONDS = 30.0  # before a run that could not be opened is tried again


class RunKeys(NamedTuple):
    """What names a run: the keys of its vectors and of its index."""

    vectors: str | None = None
    search: str | None = None


class ExportedModel:
    """The folder of an exported model, which is opened again when it holds another one."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._last: OnnxEncoder | None = None

    def encoder(self) -> "OnnxEncoder":
        """The encoder of the model that is there now. Raises UserError if it is not complete."""
        if self._last is None or self._last.exported != read_export(self._folder).exported:
            self._last = open_encoder(self._folder)
        return self._last


class CurrentRun:
    """The latest finished run of an output; it is opened whole before the last one is given up."""

    def __init__(
        self,
        output: str,
        device: Literal["auto", "cpu", "cuda"],
        poll_seconds: float,
        onnx: str = "",
    ) -> None:
        """``onnx`` is the folder of an exported model to encode with."""
        self.run: ServedRun | None = None
        self._output, self._device = output, device
        self._exported = ExportedModel(onnx) if onnx else None
        self._poll_seconds = poll_seconds
        self._store = Store(root=output)
        self._served = RunKeys()
        self._seen, self._ready_at = RunKeys(), 0.0
        self._end = threading.Event()

    def open(self) -> None:
        """Open the latest run now. Raises UserError if there is none or it is incomplete."""
        keys = self._latest()
        encoder = self._exported.encoder() if self._exported else None
        opened = open_run(self._output, self._device, encoder=encoder)
        key = opened.stored.embedding.manifest.key
        self.run = ServedRun(opened, key, before=self.run)
        self._served = keys
        logger.info("serve: run %s with %d listings", key, len(self.run))

    def exists(self) -> bool:
        """Whether a run is there, finished or not whole any more."""
        return self._latest().vectors is not None

    def watch(self) -> None:
        """Look for a new run in a thread, until :meth:`close`."""
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def close(self) -> None:
        """End the watch."""
        self._end.set()

    def look(self) -> None:
        """Open the latest run if it is another one, and ready.

        If it cannot be opened, the run that is served stays, and it is tried again later.
        """
        keys, now = self._latest(), time.monotonic()
        if keys.vectors is None or keys == self._served:
            return
        if keys != self._seen:
            self._seen = keys
            self._ready_at = now + (INDEX_SECONDS if lacks_index(keys, self._served) else 0.0)
        if now < self._ready_at:
            return
        try:
            self.open()
        except Exception as error:  # noqa: BLE001 - whatever it is, the last run must go on
            logger.warning("serve: the new run cannot be opened: %s", error)
            self._ready_at = now + RETRY_SECONDS

    def _watch(self) -> None:
        while not self._end.wait(self._poll_seconds):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - such as a store that does not answer
                logger.warning("serve: could not look for a new run: %s", error)

    def _latest(self) -> RunKeys:
        return RunKeys(self._store.latest_key(EMBED), self._store.latest_key(INDEX))


def lacks_index(latest: RunKeys, served: RunKeys) -> bool:
    """Whether new vectors are there, but not yet the index that follows them."""
    is_new = served.vectors not in (None, latest.vectors)
    return is_new and latest.search is not None and latest.search == served.search
