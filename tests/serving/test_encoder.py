"""Queries of many threads, encoded in one."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from vitrina.errors import UserError
from vitrina.search.index import Vectors
from vitrina.serving.encoder import MAX_BATCH, Encoder


class Model:
    """Counts what it is asked; the vector of a text is its length."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()
        self.go = threading.Event()

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Waits for ``go``; refuses a text 'bad'."""
        self.go.wait(20)
        self.threads.add(threading.get_ident())
        self.batches.append(list(texts))
        if "bad" in texts:
            raise UserError("bad")
        return np.array([[len(text)] for text in texts], np.float32)

    def images(self, images: Sequence[Image.Image]) -> Vectors:
        """The width of each."""
        self.threads.add(threading.get_ident())
        return np.array([[image.width] for image in images], np.float32)


def test_queries_that_wait_are_encoded_together() -> None:
    """Each gets its own vector; only one thread computes."""
    model = Model()
    encoder = Encoder(model.texts, model.images)
    texts = ["я" * length for length in range(1, 41)]
    with ThreadPoolExecutor(40) as pool:
        waiting = [pool.submit(encoder.text, text) for text in texts]
        image = pool.submit(encoder.image, Image.new("RGB", (7, 3)))
        threading.Timer(0.3, model.go.set).start()
        assert [one.result()[0] for one in waiting] == list(range(1, 41))
        assert image.result()[0] == 7
    assert len(model.batches) < 40 / 4
    assert max(map(len, model.batches)) <= MAX_BATCH
    assert len(model.threads) == 1


def test_one_that_fails_does_not_fail_the_others() -> None:
    """Though they were encoded together."""
    model = Model()
    encoder = Encoder(model.texts, model.images)
    with ThreadPoolExecutor(3) as pool:
        waiting = {text: pool.submit(encoder.text, text) for text in ("one", "bad", "three")}
        threading.Timer(0.3, model.go.set).start()
        assert waiting["one"].result()[0] == 3
        assert waiting["three"].result()[0] == 5
        with pytest.raises(UserError, match="bad"):
            waiting["bad"].result()


def test_a_text_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is among those asked for last."""
    monkeypatch.setattr("vitrina.serving.encoder.REMEMBERED", 2)
    model = Model()
    model.go.set()
    encoder = Encoder(model.texts, model.images)
    for text in ("a", "b", "a", "c", "a", "b"):
        assert encoder.text(text)[0] == 1
    assert model.batches == [["a"], ["b"], ["c"], ["b"]]
    assert len(encoder.texts(["x", "yy"])) == 2
