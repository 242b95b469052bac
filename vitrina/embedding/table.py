"""Stage "embed": a vector of each row's title and picture, shard by shard.

A shard's name holds the hash of all that decides its content, so one that is there is right: a
killed run goes on with the next. A title or picture that an earlier embedding by the same model and
settings holds is taken over from it.
"""

import logging
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from upath import UPath

from vitrina.config import EmbedConfig
from vitrina.embedding.npz import Pieces, write_npz
from vitrina.embedding.reuse import COLUMNS, Column, Index
from vitrina.embedding.rows import Survey, survey, table_rows
from vitrina.embedding.shard import Made, Shard, ShardMap
from vitrina.embedding.shard_file import read_column, read_vectors, vector_size
from vitrina.embedding.stored import Names
from vitrina.errors import UserError
from vitrina.execution.progress import OnProgress, unheard
from vitrina.results import EmbedResult
from vitrina.store.artifacts import Artifact
from vitrina.store.files import listing, remove, writing

logger = logging.getLogger(__name__)
SHARD = re.compile(r"part-\d{5,}-[0-9a-f]{20}\.parquet")


def embed_table(
    table: UPath,
    work: Callable[[Shard], Made],
    artifact: Artifact,
    names: Names,
    config: EmbedConfig,
    settings: str,
    *,
    earlier: Sequence[UPath] = (),
    refresh: bool = False,
    progress: OnProgress = unheard,
    map_shards: ShardMap = map,
) -> tuple[EmbedResult, list[str]]:
    """Embed the table's rows into the artifact's folder; the result and its files.

    ``work`` embeds and writes a shard, ``map_shards`` has it do that for each. ``settings`` is
    :func:`settings_of` the model and the config; ``earlier`` are shards to take vectors over from;
    with ``refresh`` shards of a killed run are made again. ``progress`` is called with the rows
    done and in all. Raises UserError naming a picture that cannot be read.
    """
    folder = artifact.path / names.shards
    if folder.is_file():
        raise UserError(f"{folder} is a file; the shards need a folder of that name. Move it away.")
    before = [name for name, _ in listing(folder)]
    if foreign := next((name for name in before if not _is_shard(name)), None):
        raise UserError(
            f"{folder} holds {foreign}, which no embedding wrote. Its shards need the folder for "
            "themselves: name another output, or move that away."
        )
    extent = survey(table)
    present = set() if refresh else set(before)
    known = {column: Index.of(earlier, column) for column in COLUMNS}
    shards: list[UPath] = []
    done = embedded = 0

    def missing() -> Iterator[Shard]:
        nonlocal done
        for number, rows in enumerate(table_rows(table, config.shard_rows, extent)):
            shard = folder / f"part-{number:05d}-{rows.fingerprint(settings)}.parquet"
            shards.append(shard)
            if shard.name in present:
                done += len(rows)
                progress(done, extent.rows)
            else:
                yield Shard(shard, rows, table, known)

    for made in map_shards(work, missing()):
        embedded += made.computed
        done += made.rows
        progress(done, extent.rows)
    dim = vector_size(shards[0])
    write_embeddings(artifact.path / names.npz, shards, extent, dim)
    ours = {shard.name for shard in shards}
    remove(folder / name for name in before if name not in ours)
    result = EmbedResult(
        npz=str(artifact.path / names.npz),
        parquet=str(folder),
        rows=extent.rows,
        embed_dim=dim,
        rows_embedded=embedded,
    )
    return result, [names.npz, *(f"{names.shards}/{name}" for name in sorted(ours))]


def _is_shard(name: str) -> bool:
    """Whether it is a shard's name, or that of what a killed run left of one."""
    return bool(SHARD.fullmatch(name)) or name.startswith(".")


def write_embeddings(npz: UPath, shards: Sequence[UPath], extent: Survey, dim: int) -> None:
    """Join the shards to an NPZ with ``text``, ``img`` and ``nm``, one shard in memory."""

    def vectors(column: Column) -> Pieces:
        return Pieces(np.float32, (extent.rows, dim), (read_vectors(one, column) for one in shards))

    numbers = (np.array(read_column(one, "nm"), dtype=extent.nm_dtype) for one in shards)
    arrays = {
        "text": vectors("text"),
        "img": vectors("img"),
        "nm": Pieces(extent.nm_dtype, (extent.rows,), numbers),
    }
    with writing(npz) as aside:
        write_npz(aside, arrays)
