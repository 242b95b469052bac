"""Stage "embed": a vector for each listing's text and one for its image."""

import logging
from functools import partial
from typing import Any

from tasks.orchestration import prefect_ui
from tasks.orchestration.ray_shards import shard_map
from tasks.orchestration.stage import StageTask
from vitrina.config.embedding import EmbedConfig
from vitrina.config.run_options import RunOptions
from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.embedding.shard import (
    EmbedShards,
    embed_shard,
    embed_shard_on_worker,
    load_embedder,
    map_detached,
    with_precision,
)
from vitrina.embedding.stored import (
    CODE,
    Embedding,
    OutputNames,
    latest_embedding,
    named_embedding,
    vector_settings,
)
from vitrina.embedding.stored import STAGE as NAME
from vitrina.embedding.table import EmbedRequest, embed_table, first_rows
from vitrina.execution.shard_map import ShardMap
from vitrina.model.folder import listing_text
from vitrina.model.hardware import device_type
from vitrina.promotion.history import keep
from vitrina.results import EmbedResult, ModelResult, TableRef
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.paths import to_path
from vitrina.store.stage import Stage, StageOutcome

logger = logging.getLogger(__name__)

STAGE = Stage(NAME, EmbedResult, CODE)


@StageTask
def embed(
    table: TableRef,
    model: ModelResult,
    store: Store,
    config: EmbedConfig,
    options: RunOptions,
    listing: ListingConfig = BY_TITLE,
    reuse_from: str | None = None,
) -> StageOutcome[EmbedResult]:
    """Embed a table with a model: stored vectors, an interrupted run resumed, or a new one.

    The text of a listing is ``listing.text`` or, if that is empty, what the model was trained with.
    Vectors of unchanged texts and images are reused from the embedding with the manifest
    ``reuse_from``, by default from the latest one in the store. Raises UserError if an image cannot
    be read or ``reuse_from`` is no such manifest.
    """
    # "auto" is resolved here once, so that the workers of a cluster use the same device.
    config = config.model_copy(update={"device": device_type(config.device)})
    settings = vector_settings(model.fingerprint, config)
    # Whoever searches needs this very model, which may have come from the hub's cache.
    kept = keep(store, model) if store.keyed else model
    text = listing_text(listing.text, to_path(model.folder))
    listing = ListingConfig(text=text, several_images=listing.several_images)

    def make(artifact: Artifact) -> tuple[EmbedResult, list[str]]:
        previous = None if options.refresh else reusable(store, reuse_from, settings)
        request = EmbedRequest(
            table=to_path(table.path),
            folder=artifact.path,
            names=OutputNames.of(store),
            settings=settings,
            shard_rows=config.shard_rows,
            listing=listing,
            reuse_from=tuple(previous.shards) if previous else (),
            reuse_images=tuple(previous.image_shards) if previous else (),
            refresh=options.refresh,
        )
        with (
            prefect_ui.progress("embed", "row", "Listings embedded") as progress,
            shard_map("embed", options.executor, partial(gpus_per_shard, config)) as map_shards,
        ):
            computed = config
            if map_shards:
                computed = with_precision(config, model.folder, first_rows(request))
            return embed_table(request, shard_embedder(model, kept, computed, map_shards), progress)

    inputs = embedding_inputs(table, settings, config, listing)
    return STAGE.find_or_make(store, inputs, make, refresh=options.refresh)


def embedding_inputs(
    table: TableRef, settings: str, config: EmbedConfig, listing: ListingConfig
) -> dict[str, Any]:
    """Everything besides code that decides the vectors and their files, as JSON values."""
    return {
        "table": table.fingerprint,
        "settings": settings,
        "shard_rows": config.shard_rows,
        "listing": listing.content(),
    }


def shard_embedder(
    model: ModelResult, kept: ModelResult, config: EmbedConfig, map_shards: ShardMap | None
) -> EmbedShards:
    """The function that embeds and writes shards: on the workers of a map, or in this process.

    ``kept`` is the model's copy in the store, which workers can read and which the shards name.
    """
    if map_shards is None:
        return partial(map, partial(embed_shard, load_embedder(model.folder, config), model=kept))
    work = partial(embed_shard_on_worker, kept.folder, kept.fingerprint, config)
    return partial(map_detached, map_shards, work)


def reusable(store: Store, reuse_from: str | None, settings: str) -> Embedding | None:
    """The embedding to reuse vectors from, if there is one with the same settings."""
    if reuse_from is None:
        return latest_embedding(store, settings)
    return named_embedding(to_path(reuse_from), settings)


def gpus_per_shard(config: EmbedConfig, cluster_has_gpus: bool) -> float:
    """GPUs, or the fraction of one, that a shard uses on Ray."""
    if config.device == "cpu" and cluster_has_gpus:
        logger.warning("embed: computing on CPUs; set embed.device to cuda for the cluster's GPUs")
    return config.num_gpus or float(config.device == "cuda")
