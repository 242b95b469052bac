"""Stage "embed": a vector of each row's title and picture, shard by shard.

A shard's name holds the hash of all that decides its content, so one that is there is right: a
killed run goes on with the next. A title or picture that an earlier embedding by the same model and
settings holds is taken over from it.
"""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from upath import UPath

from tasks import artifacts
from tasks.bars import OnProgress, unheard
from tasks.code_version import code_version
from tasks.config import EmbedConfig
from tasks.embed_shard import (
    Made,
    Shard,
    ShardMap,
    embed_shard,
    embed_shard_anywhere,
    load_embedder,
    map_alone,
)
from tasks.embedding_rows import Survey, survey, table_rows
from tasks.embedding_shards import read_column, read_vectors, vector_size
from tasks.errors import UserError
from tasks.npz import Pieces, write_npz
from tasks.results import EmbedResult, ModelResult
from tasks.runner import shard_map
from tasks.stage import Stage, retried
from tasks.storage import (
    Artifact,
    Manifest,
    Store,
    fingerprint,
    listing,
    location,
    remove,
    writing,
)
from tasks.take_over import COLUMNS, Column, Index

logger = logging.getLogger(__name__)

STAGE = Stage("embed", EmbedResult, __name__)
SHARD = re.compile(r"part-\d{5,}-[0-9a-f]{20}\.parquet")


@dataclass(frozen=True)
class Names:
    """What the outputs are called in their folder."""

    npz: str
    shards: str

    @staticmethod
    def of(store: Store) -> "Names":
        """``X.npz`` and ``X.parquet/`` beside ``X.manifest.json``; X is embeddings if keyed."""
        stem = "embeddings" if store.keyed else store.manifest_name.removesuffix(".manifest.json")
        return Names(f"{stem}.npz", f"{stem}.parquet")


def settings_of(model_fingerprint: str, config: EmbedConfig) -> str:
    """Hash of what decides the vector of a text or picture, beside the text or picture."""
    version = code_version("tasks.learning.embedder")
    return fingerprint(model_fingerprint, config.content(), version)


class Embedding(NamedTuple):
    """A finished embedding: its folder, and what its manifest says."""

    artifact: Artifact
    manifest: Manifest

    @property
    def shards(self) -> list[UPath]:
        """Its Parquet shards."""
        names = (name for name in self.manifest.files if name.endswith(".parquet"))
        return [self.artifact.path / name for name in names]


def latest_embedding(store: Store, settings: str) -> Embedding | None:
    """The latest finished embedding of the store with these settings."""
    found = []
    for key in _keys(store):
        artifact = store.artifact(STAGE.name, key)
        manifest = artifact.manifest()
        if manifest and manifest.parameters.get("settings") == settings:
            found.append(Embedding(artifact, manifest))
    return max(found, key=lambda one: one.manifest.created, default=None)


def named_embedding(path: UPath, settings: str) -> Embedding | None:
    """The embedding whose manifest this is; None if other settings made it.

    Raises UserError if it is none, or not finished.
    """
    artifact = Artifact(path.parent, path.name)
    manifest = artifact.manifest()
    if manifest is None or manifest.stage != STAGE.name:
        raise UserError(
            f"{path} is no manifest of finished embeddings: give the *.manifest.json beside an NPZ."
        )
    if manifest.parameters.get("settings") == settings:
        return Embedding(artifact, manifest)
    logger.warning("embed: %s is of another model or settings: all is computed anew", path)
    return None


def _keys(store: Store) -> list[str]:
    if not store.keyed:
        return [""]  # the root is the one artifact, whatever its key
    ending = f"/{store.manifest_name}"
    names = [name for name, _ in listing(store.path / STAGE.name)]
    keys = [name.removesuffix(ending) for name in names if name.endswith(ending)]
    return [key for key in keys if "/" not in key and key != "latest"]


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


def embedding_inputs(
    table_fingerprint: str, model: ModelResult, config: EmbedConfig
) -> dict[str, Any]:
    """All that decides the vectors and how they lie in files, as plain values."""
    settings = settings_of(model.fingerprint, config)
    return {"table": table_fingerprint, "settings": settings, "shard_rows": config.shard_rows}


def gpus_of_a_shard(config: EmbedConfig, cluster_has_gpus: bool) -> float:
    """How many GPUs a shard takes on Ray."""
    computes_on_gpu = config.device == "cuda" or (config.device == "auto" and cluster_has_gpus)
    return config.num_gpus or float(computes_on_gpu)


@retried
def embed(
    table: str,
    table_fingerprint: str,
    model: ModelResult,
    store: Store,
    config: EmbedConfig,
    refresh: bool = False,
    earlier: str | None = None,
    runner: str = "threads",
) -> EmbedResult:
    """Prefect's face of :func:`embed_table`: the stored embedding, a resumed or a new one.

    ``earlier`` is the manifest of an embedding elsewhere to take vectors over from; without it the
    latest of the store serves. ``runner`` is ``RunnerConfig.runner``.
    """
    inputs = embedding_inputs(table_fingerprint, model, config)
    settings = inputs["settings"]

    def known() -> Embedding | None:
        if refresh:
            return None
        if earlier is None:
            return latest_embedding(store, settings)
        return named_embedding(location(earlier), settings)

    def make(artifact: Artifact) -> tuple[EmbedResult, list[str]]:
        with (
            artifacts.progress("embed", "row", "Listings embedded") as show,
            shard_map("embed", runner, partial(gpus_of_a_shard, config)) as elsewhere,
        ):
            map_shards: ShardMap = map
            if elsewhere:
                work = partial(embed_shard_anywhere, model.folder, model.fingerprint, config)
                map_shards = partial(map_alone, elsewhere)
            else:
                work = partial(embed_shard, load_embedder(model.folder, config))
            found = known()
            return embed_table(
                location(table),
                work,
                artifact,
                Names.of(store),
                config,
                settings,
                earlier=found.shards if found else [],
                refresh=refresh,
                progress=show,
                map_shards=map_shards,
            )

    return STAGE.run(store, inputs, make, refresh=refresh)
