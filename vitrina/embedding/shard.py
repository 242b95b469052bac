"""Embed one shard of a table into its file, in this process or in a worker."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from upath import UPath

from vitrina.config.embedding import EmbedConfig
from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.embedding.mean_vectors import mean_vectors
from vitrina.embedding.reuse import Column, ReuseIndex
from vitrina.embedding.rows import Rows, naming_table
from vitrina.embedding.shard_file import Vectors, write_image_shard, write_shard
from vitrina.execution.shard_map import ShardMap
from vitrina.model.hardware import prefers_bfloat16
from vitrina.results import ModelResult, VectorOrigin

if TYPE_CHECKING:
    from vitrina.embedding.embedder import Embedder
    from vitrina.model.model import RuCLIP


@dataclass(frozen=True)
class Shard:
    """The file to write, its rows, their table, and the index of vectors to reuse.

    ``listing`` says how the rows' texts and images were taken from the table. ``images_path`` is
    the file for each image's own vector, written if a row has several.
    """

    path: UPath
    rows: Rows
    table: UPath
    known: Mapping[Column, ReuseIndex]
    listing: ListingConfig = BY_TITLE
    images_path: UPath | None = None

    def detached(self) -> "Shard":
        """A small picklable copy with only the index entries that its rows need."""
        keys: dict[Column, Sequence[str]] = {
            "text": self.rows.text_keys,
            "img": self.rows.image_keys,
        }
        return replace(self, known={name: self.known[name].subset(keys[name]) for name in keys})


class ShardResult(NamedTuple):
    """The rows of a finished shard, and the rows and images for which a vector was computed."""

    rows: int
    computed: int
    images: int


EmbedShards = Callable[[Iterable[Shard]], Iterator[ShardResult]]
"""Embeds and writes shards, and yields their results in the same order."""


def map_detached(
    map_shards: ShardMap, work: Callable[[Shard], ShardResult], shards: Iterable[Shard]
) -> Iterator[ShardResult]:
    """``map_shards`` for workers in other processes: each shard is sent :meth:`Shard.detached`."""
    return map_shards(work, (shard.detached() for shard in shards))


def embed_shard(
    embedder: "Embedder", shard: Shard, model: ModelResult | None = None
) -> ShardResult:
    """Embed and write a shard; the embedder's ``model``, if known, is recorded with the vectors.

    Raises UserError naming an image that cannot be read.
    """
    rows = shard.rows
    with naming_table(shard.table):
        embedder.sample(rows.texts, rows.paths)
        embedded = embed_rows(rows, embedder, shard.known)
    origin = VectorOrigin(
        model=model.fingerprint if model else "",
        model_folder=model.folder if model else "",
        templates=embedder.templates,
        **dict(shard.listing),
        arithmetic=embedder.arithmetic,
    )
    if rows.several is not None and shard.images_path:  # first: the other file ends the shard
        write_image_shard(shard.images_path, rows, embedded.each_image, origin)
    img = mean_vectors(embedded.each_image, rows.starts)
    write_shard(shard.path, rows, embedded.text, img, origin)
    return ShardResult(len(rows), embedded.computed_rows, embedded.computed_images)


def embed_shard_on_worker(
    folder: str, model_fingerprint: str, config: EmbedConfig, shard: Shard
) -> ShardResult:
    """:func:`embed_shard` in a worker: each process loads the model once and keeps it."""
    model = ModelResult(folder=folder, fingerprint=model_fingerprint)
    return embed_shard(_embedder(folder, model_fingerprint, config), shard, model)


@lru_cache(maxsize=1)
def _embedder(folder: str, _model_fingerprint: str, config: EmbedConfig) -> "Embedder":
    return load_embedder(folder, config)


def load_embedder(folder: str, config: EmbedConfig) -> "Embedder":
    """The embedder of a ruCLIP folder, local or on S3."""
    # torch takes seconds to import; a stored embedding is found without it
    from vitrina.model.model import load_folder
    from vitrina.model.source import local_model

    return make_embedder(load_folder(local_model(folder)), config)


def with_precision(config: EmbedConfig, folder: str, rows: Rows) -> EmbedConfig:
    """``config`` with the precision that ``auto`` comes to on this machine's processor.

    So the workers of a cluster compute in the same one, whatever their processors are. On GPUs each
    worker chooses by its own.
    """
    if config.precision != "auto" or config.device != "cpu":
        return config
    precision = "float32"
    if prefers_bfloat16("cpu"):
        embedder = load_embedder(folder, config)
        embedder.sample(rows.texts, rows.paths)
        precision = embedder.towers.precision
    return config.model_copy(update={"precision": precision})


def make_embedder(model: "RuCLIP", config: EmbedConfig) -> "Embedder":
    """An embedder with these parameters.

    Raises UserError if ``cuda`` is asked for and there is no GPU.
    """
    # torch takes seconds to import; help and wrong arguments answer without it
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


class EmbeddedRows(NamedTuple):
    """Vectors float32 of each row's text and of each of its images; how many were computed."""

    text: Vectors  # (rows, embed_dim)
    each_image: Vectors  # (images, embed_dim), one row's after the other's
    computed_rows: int  # rows of which a text or an image was computed
    computed_images: int


def embed_rows(
    rows: Rows, embedder: "Embedder", known: Mapping[Column, ReuseIndex]
) -> EmbeddedRows:
    """The vectors of the rows. Known ones are reused; of equal keys, only one is computed."""
    dim = embedder.model.embed_dim
    text, has_text = known["text"].lookup(rows.text_keys, dim)
    images, has_image = known["img"].lookup(rows.image_keys, dim)
    _fill(text, has_text, rows.text_keys, rows.texts, embedder.texts)
    computed = _fill(images, has_image, rows.image_keys, rows.paths, embedder.images)
    has_images = np.logical_and.reduceat(has_image, rows.starts[:-1]) if len(rows) else has_text
    return EmbeddedRows(text, images, int((~(has_text & has_images)).sum()), computed)


def _fill(
    vectors: Vectors,
    known: np.ndarray,
    keys: Sequence[str],
    values: Sequence[str],
    compute: Callable[[Sequence[str]], Vectors],
) -> int:
    """Fill in the vectors that are not known; returns how many were computed.

    ``compute`` is called with one value of each key.
    """
    missing = np.flatnonzero(~known).tolist()
    first_row = {keys[row]: row for row in reversed(missing)}
    position = {key: number for number, key in enumerate(first_row)}
    if missing:
        computed = compute([values[row] for row in first_row.values()])
        vectors[missing] = computed[[position[keys[row]] for row in missing]]
    return len(first_row)
