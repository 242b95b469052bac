"""A shard of an embedding: from its rows to its file, in this process or in any other."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from upath import UPath

from vitrina.config import EmbedConfig
from vitrina.embedding.reuse import Column, ReuseIndex
from vitrina.embedding.rows import Rows, naming
from vitrina.embedding.shard_file import Vectors, write_shard
from vitrina.execution.shard_map import ShardMap

if TYPE_CHECKING:
    from vitrina.embedding.embedder import Embedder
    from vitrina.model.model import RuCLIP


@dataclass(frozen=True)
class Shard:
    """The file to write, the rows in it, their table, and where known vectors lie."""

    path: UPath
    rows: Rows
    table: UPath
    known: Mapping[Column, ReuseIndex]

    def detached(self) -> "Shard":
        """With only what its own rows need of the known vectors' places, so that it can travel."""
        keys: dict[Column, Sequence[str]] = {
            "text": self.rows.text_keys,
            "img": self.rows.image_keys,
        }
        return replace(self, known={name: self.known[name].part(keys[name]) for name in keys})


class ShardResult(NamedTuple):
    """How many rows a finished shard has, and for how many something was computed."""

    rows: int
    computed: int


EmbedShards = Callable[[Iterable[Shard]], Iterator[ShardResult]]
"""Embeds and writes shards; gives the result of each, in their order."""


def map_detached(
    map_shards: ShardMap, work: Callable[[Shard], ShardResult], shards: Iterable[Shard]
) -> Iterator[ShardResult]:
    """``map_shards`` where shards travel: each is sent :meth:`Shard.detached`."""
    return map_shards(work, (shard.detached() for shard in shards))


def embed_shard(embedder: "Embedder", shard: Shard) -> ShardResult:
    """Write the shard. Raises UserError naming an image that cannot be read, and its table."""
    with naming(shard.table):
        text, img, computed = embed_rows(shard.rows, embedder, shard.known)
    write_shard(shard.path, shard.rows, text, img, embedder.arithmetic)
    return ShardResult(len(shard.rows), computed)


def embed_shard_anywhere(
    folder: str, model_fingerprint: str, config: EmbedConfig, shard: Shard
) -> ShardResult:
    """:func:`embed_shard` where no embedder is at hand: a process loads the model once."""
    return embed_shard(_embedder(folder, model_fingerprint, config), shard)


@lru_cache(maxsize=1)
def _embedder(folder: str, _model_fingerprint: str, config: EmbedConfig) -> "Embedder":
    return load_embedder(folder, config)


def load_embedder(folder: str, config: EmbedConfig) -> "Embedder":
    """The embedder of a ruCLIP folder, local or on S3."""
    # torch costs seconds; a stored embedding answers without it
    from vitrina.model.model import load_folder
    from vitrina.model.source import local_model

    return make_embedder(load_folder(local_model(folder)), config)


def make_embedder(model: "RuCLIP", config: EmbedConfig) -> "Embedder":
    """The embedder that the parameters describe."""
    # torch costs seconds; help and wrong arguments answer without it
    from vitrina.embedding.embedder import Embedder
    from vitrina.model.device import choose

    return Embedder(
        model,
        choose(config.device),
        config.batch_size,
        config.templates,
        config.precision,
        find_batch_size=config.find_batch_size,
        compiled=config.compile,
    )


def embed_rows(
    rows: Rows, embedder: "Embedder", known: Mapping[Column, ReuseIndex]
) -> tuple[Vectors, Vectors, int]:
    """The rows' text and image vectors, and for how many rows something was computed.

    A vector is computed once for equal keys, and not at all for a known one.
    """
    dim = embedder.model.embed_dim
    text, has_text = known["text"].take(rows.text_keys, dim)
    img, has_img = known["img"].take(rows.image_keys, dim)
    _fill(text, has_text, rows.text_keys, rows.titles, embedder.texts)
    _fill(img, has_img, rows.image_keys, rows.paths, embedder.images)
    return text, img, int((~(has_text & has_img)).sum())


def _fill(
    vectors: Vectors,
    known: np.ndarray,
    keys: Sequence[str],
    values: Sequence[str],
    compute: Callable[[Sequence[str]], Vectors],
) -> None:
    """Put the vectors of the unknown rows in place, computing each key's once."""
    missing = np.flatnonzero(~known).tolist()
    first = {keys[row]: row for row in reversed(missing)}
    order = {key: number for number, key in enumerate(first)}
    if first:
        made = compute([values[row] for row in first.values()])
        vectors[missing] = made[[order[keys[row]] for row in missing]]
