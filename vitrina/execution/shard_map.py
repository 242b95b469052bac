"""How a stage hands out its shards: an interface that knows neither Prefect nor Ray."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Shard = TypeVar("Shard")
Made = TypeVar("Made")


class MapShards(Protocol):
    """Does the same work on every shard and gives what came of each, in the order of the shards.

    The built-in ``map`` is one. Another takes some shards ahead and works on them elsewhere: work,
    shards and what is made of them must then be small and picklable, and work that is done twice,
    because a worker was lost, must give the same.
    """

    def __call__(
        self, work: Callable[[Shard], Made], shards: Iterable[Shard], /
    ) -> Iterator[Made]: ...
