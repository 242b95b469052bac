"""The batch size at which a GPU is fastest, tried on one that is only simulated."""

import pytest
import torch

from vitrina.embedding.batch_size import fastest_batch_size


class FakeGPU:
    """A device that takes a second for up to ``best`` items, and has memory for so many."""

    def __init__(self, memory: int, best: int) -> None:
        self.memory, self.best, self.seconds = memory, best, 0.0

    def run(self, size: int) -> None:
        if size > self.memory:
            raise torch.OutOfMemoryError
        self.seconds += max(size, self.best) / self.best


@pytest.mark.parametrize(("memory", "found"), [(10_000, 64), (40, 32), (5, 4)])
def test_batch_size_grows_to_the_fastest_and_shrinks_to_fit(
    memory: int, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops where it is no longer faster or memory ends, above or below the start."""
    gpu = FakeGPU(memory, best=64)
    monkeypatch.setattr("time.perf_counter", lambda: gpu.seconds)
    assert fastest_batch_size(gpu.run, 16) == found


def test_gpu_without_room_for_one_image_says_so() -> None:
    """A single image cannot be halved."""
    with pytest.raises(torch.OutOfMemoryError, match="one image"):
        fastest_batch_size(FakeGPU(memory=0, best=64).run, 16)
