"""Embed a whole table, shard by shard.

The name of a shard contains a hash of everything that decides its content, so a finished shard is
always valid and a killed run resumes with the next one. Vectors of texts and images that an earlier
embedding with the same settings holds are reused.
"""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

import numpy as np
from upath import UPath

from vitrina.config.text import TITLE_ONLY
from vitrina.embedding.npz import ChunkedArray, write_npz
from vitrina.embedding.npz_reader import checksums
from vitrina.embedding.reuse import COLUMNS, Column, ReuseIndex
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

SHARD = re.compile(r"part-\d{5,}-[0-9a-f]{20}\.parquet")


@dataclass(frozen=True)
class EmbedRequest:
    """The table to embed, and where its shards and its NPZ are written.

    ``settings`` is from :func:`vitrina.embedding.stored.vector_settings`; ``reuse_from`` are
    finished shards with equal settings. ``refresh`` computes again the shards of a killed run.
    """

    table: UPath
    folder: UPath
    names: OutputNames
    settings: str
    shard_rows: int
    text: str = TITLE_ONLY  # template of a listing's text
    reuse_from: Sequence[UPath] = ()
    refresh: bool = False


def embed_table(
    request: EmbedRequest, embed_shards: EmbedShards, progress: OnProgress = no_progress
) -> tuple[EmbedResult, list[str]]:
    """Embed the rows of a table; returns the result and the names of its files.

    Raises UserError if an image cannot be read, the shards' folder holds other files, or shards
    were computed in different arithmetic.
    """
    folder = request.folder / request.names.shards
    present = _present_shards(folder)
    stats = table_stats(request.table)
    finished = set() if request.refresh else set(present)
    shards, embedded = _embed_missing(request, stats, finished, embed_shards, progress)
    origin = _common_origin([*shards, *request.reuse_from])
    dim = vector_size(shards[0])
    npz = request.folder / request.names.npz
    written = write_embeddings(npz, shards, stats, dim)
    current = {shard.name for shard in shards}
    remove(folder / name for name in present if name not in current)
    result = EmbedResult(
        table=str(request.table),
        origin=origin,
        checksums=written,
        npz=str(npz),
        parquet=str(folder),
        rows=stats.rows,
        embed_dim=dim,
        rows_embedded=embedded,
    )
    files = [request.names.npz, *(f"{request.names.shards}/{name}" for name in sorted(current))]
    return result, files


def first_rows(request: EmbedRequest) -> Rows:
    """The first rows of the table."""
    return next(
        table_rows(request.table, request.shard_rows, table_stats(request.table), request.text)
    )


def _embed_missing(
    request: EmbedRequest,
    stats: TableStats,
    finished: Set[str],
    embed_shards: EmbedShards,
    progress: OnProgress,
) -> tuple[list[UPath], int]:
    """All shards of the table; embeds those that are not ``finished``.

    Also returns the number of rows for which a vector was computed.
    """
    folder = request.folder / request.names.shards
    known = {column: ReuseIndex.of(request.reuse_from, column) for column in COLUMNS}
    shards: list[UPath] = []
    done = embedded = 0

    def missing() -> Iterator[Shard]:
        nonlocal done
        groups = table_rows(request.table, request.shard_rows, stats, request.text)
        for number, rows in enumerate(groups):
            name = f"part-{number:05d}-{rows.fingerprint(request.settings, request.text)}.parquet"
            shards.append(folder / name)
            if name in finished:
                done += len(rows)
                progress(done, stats.rows)
            else:
                yield Shard(folder / name, rows, request.table, known, request.text)

    for shard_result in embed_shards(missing()):
        embedded += shard_result.computed
        done += shard_result.rows
        progress(done, stats.rows)
    return shards, embedded


def _present_shards(folder: UPath) -> list[str]:
    """The names of the shards in the folder; UserError if it holds anything else."""
    if folder.is_file():
        raise UserError(f"{folder} is a file, but shards need a folder of that name. Move it away.")
    names = [name for name, _ in listing(folder)]
    if foreign := next((name for name in names if not _is_shard(name)), None):
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
