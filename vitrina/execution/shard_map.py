"""The interface by which a stage has its shards computed, here or on a cluster."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Shard = TypeVar("Shard")
ShardResult = TypeVar("ShardResult")


class ShardMap(Protocol):
    """Applies a function to each shard and yields the results in the order of the shards.

    The built-in ``map`` is one. Others submit several shards ahead to workers. Function, shards and
    results must then be small and picklable, and a shard that is computed again, after its worker
    was lost, must give the same result.
    """

    def __call__(
        self, work: Callable[[Shard], ShardResult], shards: Iterable[Shard], /
    ) -> Iterator[ShardResult]: ...
