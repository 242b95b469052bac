"""The processes that share each batch: torch.distributed, or a single process."""

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

from vitrina.model.device import choose
from vitrina.model.hardware import Device

BACKENDS = {"cpu": "gloo", "cuda": "nccl"}
# One process may read images or write a checkpoint while the others wait for it.
TIMEOUT = timedelta(hours=2)


class LostProcessError(ConnectionError):
    """A process of the training died; a retry resumes from the last checkpoint."""


@dataclass(frozen=True)
class World:
    """This process's rank among those of the training; ``World()`` is a single process."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files and reports progress."""
        return self.rank == 0

    def sizes(self, rows: int) -> list[int]:
        """How many of ``rows`` each process gets; the counts differ by at most one."""
        return [len(part) for part in np.array_split(np.arange(rows), self.size)]

    def local_slice(self, rows: int) -> slice:
        """The slice of ``rows`` that this process gets."""
        sizes = self.sizes(rows)
        first = sum(sizes[: self.rank])
        return slice(first, first + sizes[self.rank])

    def gather(self, part: Tensor, rows: int) -> Tensor:
        """All ``rows`` rows in order, from each process's :meth:`local_slice`; without gradient."""
        if self.size == 1:
            return part
        sizes = self.sizes(rows)
        padded = part.new_zeros((max(sizes), *part.shape[1:]))
        padded[: len(part)] = part
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    def barrier(self) -> None:
        """Wait until all processes have reached this point."""
        if self.size > 1:
            dist.barrier()

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module, wrapped to average its gradients over the processes in each backward pass."""
        if self.size == 1:
            return module
        return DistributedDataParallel(module, gradient_as_bucket_view=True)


@contextmanager
def joined(device: Device = "auto") -> Iterator[World]:
    """The world in which torchrun or Ray started this process, or a single process.

    ``device`` is where the training computes: on CPUs the processes talk through gloo, also on a
    machine with GPUs.
    """
    if dist.is_initialized():  # by Ray
        yield World(dist.get_rank(), dist.get_world_size())
        return
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield World()
        return
    kind = choose(device).type
    if kind == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group(BACKENDS[kind], timeout=TIMEOUT)
    try:
        yield World(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
