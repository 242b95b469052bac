"""The cache of decoded images: shared by processes and trainings, within a limit."""

import pickle
from pathlib import Path

import numpy as np

from vitrina.images.pixel_cache import open_cache


def test_workers_read_the_cache_and_not_what_took_its_place(tmp_path: Path) -> None:
    """Sent to a process, the cache is the same files; when they were replaced, there is none."""
    keys = ["a", "b"]
    cache = open_cache(tmp_path, keys, 4, "shortest", 1)
    assert cache is not None
    cache.put(0, np.full((3, 4, 4), 7, np.uint8))
    sent = pickle.dumps(cache.part(0, 2))
    assert len(sent) < 2_000, "the pixels are not copied"
    there = pickle.loads(sent)
    assert np.all(there.get(0) == 7)
    there.put(1, np.full((3, 4, 4), 8, np.uint8))
    assert np.all(cache.get(1) == 8)
    limit = 2 * 3 * 4 * 4 / 1e9
    assert open_cache(tmp_path, ["c", "d"], 4, "shortest", limit) is not None  # drops a and b
    late = pickle.loads(sent)
    assert late.get(0) is None
    late.put(0, np.zeros((3, 4, 4), np.uint8))
    assert np.all(cache.get(0) == 7)


def test_a_full_cache_makes_room_for_the_present_catalogue(tmp_path: Path) -> None:
    """Within the limit images of several catalogues stay; beyond it the old ones go."""
    size = 3 * 4 * 4
    image = np.ones((3, 4, 4), np.uint8)

    def opened(*keys: str) -> list[bool]:
        cache = open_cache(tmp_path, keys, 4, "shortest", 4 * size / 1e9)
        assert cache is not None
        there = [cache.get(index) is not None for index in range(len(keys))]
        for index in range(len(keys)):
            cache.put(index, image)
        return there

    assert opened("a", "b") == [False, False]
    assert opened("b", "c", "b") == [True, False, True]
    assert opened("a", "b", "c", "d") == [True, True, True, False]
    assert opened("a", "e") == [False, False]
    assert opened("a", "e") == [True, True]
    assert opened("f", "g", "h", "i", "j").count(True) == 0
    assert opened("f", "g", "h", "i", "j").count(True) == 4
