"""The processes that share each batch: torch.distributed, or one process alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

# One process may read images or write a checkpoint while the others wait for it.
TIMEOUT = timedelta(hours=2)


class LostProcessError(ConnectionError):
    """A process of the training died; another try goes on from the last checkpoint."""


@dataclass(frozen=True)
class World:
    """This process among those of the training; ``World()`` is one process alone."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes and tells."""
        return self.rank == 0

    def sizes(self, rows: int) -> list[int]:
        """How many of ``rows`` each process has; they differ by one at most."""
        return [len(part) for part in np.array_split(np.arange(rows), self.size)]

    def local_slice(self, rows: int) -> slice:
        """Which of ``rows`` are this process's."""
        sizes = self.sizes(rows)
        first = sum(sizes[: self.rank])
        return slice(first, first + sizes[self.rank])

    def gather(self, part: Tensor, rows: int) -> Tensor:
        """All ``rows`` rows of which each process has its span, in order; without gradient."""
        if self.size == 1:
            return part
        sizes = self.sizes(rows)
        padded = part.new_zeros((max(sizes), *part.shape[1:]))
        padded[: len(part)] = part
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([one[:size] for one, size in zip(parts, sizes, strict=True)])

    def barrier(self) -> None:
        """Go on when all processes have come here."""
        if self.size > 1:
            dist.barrier()

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module with its gradients averaged over the processes after each backward pass."""
        if self.size == 1:
            return module
        return DistributedDataParallel(module, gradient_as_bucket_view=True)


@contextmanager
def joined() -> Iterator[World]:
    """The world that torchrun or Ray started this process in, or this process alone."""
    if dist.is_initialized():  # Ray has done it
        yield World(dist.get_rank(), dist.get_world_size())
        return
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield World()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=TIMEOUT)
    try:
        yield World(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
