"""The vectors of a whole table, shard by shard.

The name of a shard holds the hash of everything that decides its content, so a shard that is there
is right: a killed run continues with the next one. The vector of a text or image that an earlier
embedding with the same settings holds is reused from it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from upath import UPath

from vitrina.embedding.npz import Pieces, write_npz
from vitrina.embedding.reuse import COLUMNS, Column, ReuseIndex
from vitrina.embedding.rows import TableStats, table_rows, table_stats
from vitrina.embedding.shard import EmbedShards, Shard
from vitrina.embedding.shard_file import (
    read_arithmetic,
    read_column,
    read_vectors,
    vector_size,
)
from vitrina.embedding.stored import OutputNames
from vitrina.errors import UserError
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.results import EmbedResult
from vitrina.store.files import atomic_write, listing, remove

SHARD = re.compile(r"part-\d{5,}-[0-9a-f]{20}\.parquet")


@dataclass(frozen=True)
class EmbedRequest:
    """What is embedded, and where its shards and its NPZ go.

    ``settings`` are those of :func:`vitrina.embedding.stored.vector_settings`; ``reuse_from`` are
    shards with the same ones. With ``refresh`` the shards of a killed run are made again.
    """

    table: UPath
    folder: UPath
    names: OutputNames
    settings: str
    shard_rows: int
    reuse_from: Sequence[UPath] = ()
    refresh: bool = False


def embed_table(
    request: EmbedRequest, embed_shards: EmbedShards, progress: OnProgress = no_progress
) -> tuple[EmbedResult, list[str]]:
    """Embed the rows of a table; the result and its files.

    ``embed_shards`` embeds and writes shards, in their order. Raises UserError if an image cannot
    be read, the shards' folder holds foreign files, or shards were computed in different
    arithmetic.
    """
    folder = request.folder / request.names.shards
    before = _present_shards(folder)
    present = set() if request.refresh else set(before)
    stats = table_stats(request.table)
    known = {column: ReuseIndex.of(request.reuse_from, column) for column in COLUMNS}
    shards: list[UPath] = []
    done = embedded = 0

    def missing() -> Iterator[Shard]:
        nonlocal done
        for number, rows in enumerate(table_rows(request.table, request.shard_rows, stats)):
            name = f"part-{number:05d}-{rows.fingerprint(request.settings)}.parquet"
            shards.append(folder / name)
            if name in present:
                done += len(rows)
                progress(done, stats.rows)
            else:
                yield Shard(folder / name, rows, request.table, known)

    for made in embed_shards(missing()):
        embedded += made.computed
        done += made.rows
        progress(done, stats.rows)
    _check_arithmetic([*shards, *request.reuse_from])
    dim = vector_size(shards[0])
    npz = request.folder / request.names.npz
    write_embeddings(npz, shards, stats, dim)
    ours = {shard.name for shard in shards}
    remove(folder / name for name in before if name not in ours)
    result = EmbedResult(
        npz=str(npz),
        parquet=str(folder),
        rows=stats.rows,
        embed_dim=dim,
        rows_embedded=embedded,
    )
    files = [request.names.npz, *(f"{request.names.shards}/{name}" for name in sorted(ours))]
    return result, files


def _present_shards(folder: UPath) -> list[str]:
    """Names of the files in the shards' folder; UserError if it is not for shards alone."""
    if folder.is_file():
        raise UserError(f"{folder} is a file; the shards need a folder of that name. Move it away.")
    names = [name for name, _ in listing(folder)]
    if foreign := next((name for name in names if not _is_shard(name)), None):
        raise UserError(
            f"{folder} holds {foreign}, which no embedding wrote. Its shards need the folder for "
            "themselves: name another output, or move that away."
        )
    return names


def _check_arithmetic(shards: Sequence[UPath]) -> None:
    """Refuse shards that workers with different hardware have computed."""
    found = sorted({read_arithmetic(shard) for shard in shards})
    if len(found) > 1:
        raise UserError(
            f"Shards were computed in different arithmetic ({', '.join(found)}), so their vectors "
            "cannot be compared. Set embed.device and embed.precision, and run with --refresh."
        )


def _is_shard(name: str) -> bool:
    """Whether it is a shard's name, or that of what a killed run left of one."""
    return bool(SHARD.fullmatch(name)) or name.startswith(".")


def write_embeddings(npz: UPath, shards: Sequence[UPath], stats: TableStats, dim: int) -> None:
    """Join the shards to an NPZ with ``text``, ``img`` and ``nm``, one shard in memory."""

    def vectors(column: Column) -> Pieces:
        return Pieces(np.float32, (stats.rows, dim), (read_vectors(one, column) for one in shards))

    numbers = (np.array(read_column(one, "nm"), dtype=stats.nm_dtype) for one in shards)
    arrays = {
        "text": vectors("text"),
        "img": vectors("img"),
        "nm": Pieces(stats.nm_dtype, (stats.rows,), numbers),
    }
    with atomic_write(npz) as temp_file:
        write_npz(temp_file, arrays)
