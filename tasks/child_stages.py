"""Stages that run as a deployment of their own, on another work pool.

The child runs the stage's own flow, which writes to the folder of this run's artifact. Its hardware
is not known here, so the key contains the deployment's name in place of device and precision.
"""

from collections.abc import Callable
from typing import TypeVar

from tasks import embed as embedding
from tasks import train as training
from tasks.orchestration.child_run import run_in_deployment
from tasks.orchestration.stage import StageTask
from vitrina.config.embedding import EmbedConfig
from vitrina.config.parameters import Parameters
from vitrina.config.pipeline import PipelineConfig
from vitrina.config.queries import SearchQueries
from vitrina.config.run_options import RunOptions, TrackedRunOptions
from vitrina.config.scripts import GenerateEmbeddingsConfig, TrainModelConfig
from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.config.training import TrainConfig
from vitrina.embedding.stored import latest_embedding, vector_settings
from vitrina.promotion.history import keep
from vitrina.results import EmbedResult, ModelResult, TableRef, TrainResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.stage import StageOutcome
from vitrina.training.request import training_inputs

Result = TypeVar("Result", bound=Parameters)
CHILD_EMBEDDING = "embeddings.manifest.json"

TrainStage = Callable[
    [
        TableRef,
        ModelResult,
        Store,
        TrainConfig,
        TrackedRunOptions,
        ListingConfig,
        SearchQueries | None,
    ],
    TrainResult,
]
EmbedStage = Callable[
    [TableRef, ModelResult, Store, EmbedConfig, RunOptions, ListingConfig], EmbedResult
]


def train_in_deployment(pipeline: PipelineConfig) -> TrainStage:
    """The stage ``train``, run by ``pipeline.training_deployment``."""

    @StageTask
    def train(
        table: TableRef,
        model: ModelResult,
        store: Store,
        config: TrainConfig,
        options: TrackedRunOptions,
        listing: ListingConfig = BY_TITLE,
        queries: SearchQueries | None = None,
    ) -> StageOutcome[TrainResult]:
        def make(artifact: Artifact) -> tuple[TrainResult, list[str]]:
            child = TrainModelConfig(
                processed_data_path=table.path,
                model_save_path=str(artifact.path),
                model=model_for_worker(model, store, pipeline),
                **dict(options),
                **dict(config),
                **dict(listing),
                **(dict(queries.use) | {"queries": queries.path} if queries else {}),
            )
            run_in_deployment(pipeline.training_deployment, child)
            return published(artifact, TrainResult)

        inputs = training_inputs(
            table, model, config, pipeline.training_deployment, listing, queries
        )
        return training.STAGE.find_or_make(store, inputs, make, refresh=options.refresh)

    return train


def embed_in_deployment(pipeline: PipelineConfig) -> EmbedStage:
    """The stage ``embed``, run by ``pipeline.embedding_deployment``."""

    @StageTask
    def embed(
        table: TableRef,
        model: ModelResult,
        store: Store,
        config: EmbedConfig,
        options: RunOptions,
        listing: ListingConfig = BY_TITLE,
    ) -> StageOutcome[EmbedResult]:
        settings = vector_settings(model.fingerprint, config, pipeline.embedding_deployment)

        def make(artifact: Artifact) -> tuple[EmbedResult, list[str]]:
            previous = latest_embedding(store, settings)
            child = GenerateEmbeddingsConfig(
                processed_data_csv=table.path,
                output_path=str(artifact.path / "embeddings.npz"),
                model=model_for_worker(model, store, pipeline),
                reuse_from=str(previous.artifact.path / CHILD_EMBEDDING) if previous else None,
                **dict(options),
                **dict(config),
                **dict(listing),
            )
            run_in_deployment(pipeline.embedding_deployment, child)
            keep(store, model)  # whoever searches needs it, and the worker's may be in its cache
            return published(Artifact(artifact.path, CHILD_EMBEDDING), EmbedResult)

        inputs = embedding.embedding_inputs(table, settings, config, listing)
        return embedding.STAGE.find_or_make(store, inputs, make, refresh=options.refresh)

    return embed


def model_for_worker(model: ModelResult, store: Store, pipeline: PipelineConfig) -> str:
    """The model as the child's ``model`` option: its path if it is in the store, else its name.

    A published name stands for a folder in each worker's own cache.
    """
    return model.folder if model.folder.startswith(f"{store.path}/") else pipeline.model


def published(artifact: Artifact, kind: type[Result]) -> tuple[Result, list[str]]:
    """The result and files of an artifact that a child run has published.

    Raises FileNotFoundError if it is missing, because the two runs do not share a storage.
    """
    manifest = artifact.manifest()
    if manifest is None:
        raise FileNotFoundError(
            f"{artifact.path} was written by another run and is missing here: choose an --output "
            "that both workers can read, an s3:// address or a shared folder."
        )
    return kind.model_validate(manifest.result), list(manifest.files)
