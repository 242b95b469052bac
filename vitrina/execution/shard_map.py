"""How a stage computes its shards elsewhere: an interface that knows neither Prefect nor Ray."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Shard = TypeVar("Shard")
ShardResult = TypeVar("ShardResult")


class ShardMap(Protocol):
    """Applies a function to every shard and yields the results in the order of the shards.

    The built-in ``map`` is one. Others take some shards ahead and compute them on workers:
    function, shards and results must then be small and picklable, and a shard that is computed
    twice, because a worker was lost, must give the same result.
    """

    def __call__(
        self, work: Callable[[Shard], ShardResult], shards: Iterable[Shard], /
    ) -> Iterator[ShardResult]: ...
