"""The stages that may run on another work pool: same name, key and artifact as in this process.

The child is a run of the stage's own flow that writes into the artifact's folder; what it published
there is the result.
"""

from typing import TypeVar

from prefect import Task

from tasks.orchestration.child_run import run_remotely
from tasks.orchestration.stage import retried
from vitrina.config import (
    EmbedConfig,
    GenerateEmbeddingsConfig,
    Parameters,
    PipelineConfig,
    TrainConfig,
    TrainModelConfig,
)
from vitrina.embedding import table as embedding
from vitrina.results import EmbedResult, ModelResult, TrainResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.training import train as training

Result = TypeVar("Result", bound=Parameters)


def train_remotely(settings: PipelineConfig) -> Task[..., TrainResult]:
    """The task ``train``, done by a run of ``settings.training_deployment``."""

    def train(
        table: str,
        table_fingerprint: str,
        model: ModelResult,
        store: Store,
        config: TrainConfig,
        project_name: str,
        refresh: bool = False,
    ) -> TrainResult:
        def make(artifact: Artifact) -> tuple[TrainResult, list[str]]:
            child = TrainModelConfig(
                processed_data_path=table,
                model_save_path=str(artifact.path),
                project_name=project_name,
                model=for_worker(model, store, settings),
                refresh=refresh,
                **config.model_dump(),
            )
            run_remotely(settings.training_deployment, child)
            return published(artifact, TrainResult)

        inputs = training.training_inputs(table_fingerprint, model, config)
        return training.STAGE.run(store, inputs, make, refresh=refresh)

    return retried(train)


def embed_remotely(settings: PipelineConfig) -> Task[..., EmbedResult]:
    """The task ``embed``, done by a run of ``settings.embedding_deployment``."""

    def embed(
        table: str,
        table_fingerprint: str,
        model: ModelResult,
        store: Store,
        config: EmbedConfig,
        refresh: bool = False,
        runner: str = "threads",
    ) -> EmbedResult:
        inputs = embedding.embedding_inputs(table_fingerprint, model, config)

        def make(artifact: Artifact) -> tuple[EmbedResult, list[str]]:
            earlier = embedding.latest_embedding(store, inputs["settings"])
            child = GenerateEmbeddingsConfig(
                processed_data_csv=table,
                output_path=str(artifact.path / "embeddings.npz"),
                model=for_worker(model, store, settings),
                earlier=str(earlier.artifact.manifest_path) if earlier else None,
                refresh=refresh,
                runner=runner,
                **config.model_dump(),
            )
            run_remotely(settings.embedding_deployment, child)
            made = Artifact(artifact.path, "embeddings.manifest.json")
            return published(made, EmbedResult)

        return embedding.STAGE.run(store, inputs, make, refresh=refresh)

    return retried(embed)


def for_worker(model: ModelResult, store: Store, settings: PipelineConfig) -> str:
    """What another worker finds the model by: its place in the store, or what the user named.

    A published name stands for a folder of each worker's own cache.
    """
    return model.folder if model.folder.startswith(f"{store.path}/") else settings.model


def published(artifact: Artifact, kind: type[Result]) -> tuple[Result, list[str]]:
    """The result and files of an artifact that another run has just finished.

    Raises FileNotFoundError if it is not there: the two runs do not see the same storage.
    """
    manifest = artifact.manifest()
    if manifest is None:
        raise FileNotFoundError(
            f"{artifact.path} was made by another run and is not there: give an output that both "
            "workers see, an s3:// address or a shared folder."
        )
    return kind.model_validate(manifest.result), list(manifest.files)
