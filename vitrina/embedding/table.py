"""Embed a whole table, shard by shard.

The name of a shard contains a hash of everything that decides its content, so a finished shard is
always valid and a killed run resumes with the next one. Vectors of texts and images that an earlier
embedding with the same settings holds are reused.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np
from upath import UPath

from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.embedding.npz import ChunkedArray, write_npz
from vitrina.embedding.npz_reader import checksums
from vitrina.embedding.reuse import Column, ReuseIndex
from vitrina.embedding.rows import Rows, TableStats, table_rows, table_stats
from vitrina.embedding.shard import EmbedShards, Shard
from vitrina.embedding.shard_file import (
    read_column,
    read_origin,
    read_vectors,
    vector_size,
)
from vitrina.embedding.stored import OutputNames
from vitrina.errors import UserError
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.results import EmbedResult, VectorOrigin
from vitrina.store.files import atomic_write, listing, remove
from vitrina.store.fingerprint import fingerprint

SHARD = re.compile(r"part-\d{5,}-[0-9a-f]{20}\.parquet")


@dataclass(frozen=True)
class EmbedRequest:
    """The table to embed, and where its shards and its NPZ are written.

    ``settings`` is from :func:`vitrina.embedding.stored.vector_settings`; ``reuse_from`` are
    finished shards with equal settings, ``reuse_images`` those of single images. ``refresh``
    computes again the shards of a killed run.
    """

    table: UPath
    folder: UPath
    names: OutputNames
    settings: str
    shard_rows: int
    listing: ListingConfig = BY_TITLE
    reuse_from: Sequence[UPath] = ()
    reuse_images: Sequence[UPath] = ()
    refresh: bool = False


def embed_table(
    request: EmbedRequest, embed_shards: EmbedShards, progress: OnProgress = no_progress
) -> tuple[EmbedResult, list[str]]:
    """Embed the rows of a table; returns the result and the names of its files.

    Raises UserError if an image cannot be read, the shards' folder holds other files, or shards
    were computed in different arithmetic.
    """
    folder, images = (
        request.folder / name for name in (request.names.shards, request.names.images)
    )
    present = {one: _present_shards(one) for one in (folder, images)}
    stats = table_stats(request.table)
    written = _embed_missing(request, stats, present, embed_shards, progress)
    origin = _common_origin([*written.shards, *request.reuse_from])
    dim = vector_size(written.shards[0])
    npz = request.folder / request.names.npz
    sums = write_embeddings(npz, written.shards, stats, dim)
    current = {*written.shards, *written.image_shards}
    remove(one / name for one, names in present.items() for name in names - _names(current, one))
    result = EmbedResult(
        table=str(request.table),
        origin=origin,
        checksums=sums,
        npz=str(npz),
        parquet=str(folder),
        images_parquet=str(images) if written.image_shards else "",
        rows=stats.rows,
        embed_dim=dim,
        rows_embedded=written.rows_computed,
        images_embedded=written.images_computed,
    )
    paths = (f"{shard.parent.name}/{shard.name}" for shard in current)
    return result, [request.names.npz, *sorted(paths)]


@dataclass
class _Written:
    """The shards of the table so far, and how many vectors of them were computed."""

    shards: list[UPath] = field(default_factory=list)
    image_shards: list[UPath] = field(default_factory=list)
    rows_computed: int = 0
    images_computed: int = 0


def first_rows(request: EmbedRequest) -> Rows:
    """The first rows of the table."""
    return next(
        table_rows(request.table, request.shard_rows, table_stats(request.table), request.listing)
    )


def _embed_missing(
    request: EmbedRequest,
    stats: TableStats,
    present: Mapping[UPath, Set[str]],
    embed_shards: EmbedShards,
    progress: OnProgress,
) -> _Written:
    """All shards of the table; embeds those that are not ``present`` or are to be refreshed."""
    folder, images = present
    known: dict[Column, ReuseIndex] = {
        "text": ReuseIndex.of(request.reuse_from, "text"),
        "img": ReuseIndex.of([*request.reuse_from, *request.reuse_images], "img"),
    }
    settings = (request.settings, fingerprint(request.listing))
    written, done = _Written(), 0

    def missing() -> Iterator[Shard]:
        nonlocal done
        groups = table_rows(request.table, request.shard_rows, stats, request.listing)
        for number, rows in enumerate(groups):
            name = f"part-{number:05d}-{rows.fingerprint(*settings)}.parquet"
            files = [folder / name, *([images / name] if rows.several is not None else [])]
            written.shards.append(files[0])
            written.image_shards += files[1:]
            if not request.refresh and all(name in present[file.parent] for file in files):
                done += len(rows)
                progress(done, stats.rows)
            else:
                yield Shard(files[0], rows, request.table, known, request.listing, images / name)

    for shard_result in embed_shards(missing()):
        written.rows_computed += shard_result.computed
        written.images_computed += shard_result.images
        done += shard_result.rows
        progress(done, stats.rows)
    return written


def _names(shards: Iterable[UPath], folder: UPath) -> set[str]:
    return {shard.name for shard in shards if shard.parent == folder}


def _present_shards(folder: UPath) -> set[str]:
    """The names of the shards in the folder; UserError if it holds anything else."""
    if folder.is_file():
        raise UserError(f"{folder} is a file, but shards need a folder of that name. Move it away.")
    names = {name for name, _ in listing(folder)}
    if foreign := next((name for name in sorted(names) if not _is_shard(name)), None):
        raise UserError(
            f"{folder} holds {foreign}, which no embedding wrote. The folder must be for shards "
            "only: choose another output, or move that file away."
        )
    return names


def _common_origin(shards: Sequence[UPath]) -> VectorOrigin:
    """What made the shards' vectors; refuses shards computed on different hardware."""
    origins = {shard: read_origin(shard) for shard in shards}
    shard_in = {
        origin.arithmetic if origin else "unknown": shard.name for shard, origin in origins.items()
    }
    first = origins[shards[0]]
    if first is None or len(shard_in) > 1:
        found = ", ".join(f"{name} in {arithmetic}" for arithmetic, name in shard_in.items())
        raise UserError(
            f"Shards were computed in different arithmetic, so their vectors cannot be compared: "
            f"{found}. Set embed.device and embed.precision, and run with --refresh."
        )
    return first


def _is_shard(name: str) -> bool:
    """Whether the name is that of a shard, or of a temporary file of a killed run."""
    return bool(SHARD.fullmatch(name)) or name.startswith(".")


def write_embeddings(
    npz: UPath, shards: Sequence[UPath], stats: TableStats, dim: int
) -> dict[str, int]:
    """Join the shards into an NPZ with ``text``, ``img`` and ``nm``; one shard is in memory.

    Returns the CRC-32 of each array.
    """

    def vectors(column: Column) -> ChunkedArray:
        return ChunkedArray(
            np.float32, (stats.rows, dim), (read_vectors(shard, column) for shard in shards)
        )

    nm = (np.array(read_column(shard, "nm"), dtype=stats.nm_dtype) for shard in shards)
    arrays = {
        "text": vectors("text"),
        "img": vectors("img"),
        "nm": ChunkedArray(stats.nm_dtype, (stats.rows,), nm),
    }
    size = sum(array.nbytes for array in arrays.values())
    with atomic_write(npz, size) as temp_file:
        write_npz(temp_file, arrays)
        return checksums(temp_file)
