"""TODO."""

from functools import partial
from typing import Any

from tasks.orchestration import prefect_ui as artifacts
from tasks.orchestration.ray_shards import shard_map
from tasks.orchestration.stage import retried
from vitrina.config import EmbedConfig
from vitrina.embedding.shard import (
    ShardMap,
    embed_shard,
    embed_shard_anywhere,
    load_embedder,
    map_alone,
)
from vitrina.embedding.stored import (
    Embedding,
    Names,
    latest_embedding,
    named_embedding,
    settings_of,
)
from vitrina.embedding.table import embed_table
from vitrina.results import EmbedResult, ModelResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.paths import location
from vitrina.store.stage import Stage

STAGE = Stage("embed", EmbedResult, __name__)


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
