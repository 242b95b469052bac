"""Embed the texts and pictures of a processed table with ruCLIP or a fine-tuned checkpoint of it.

python flows/generate_embeddings.py --fine_tuned_model_path model/ruCLIP_model_epoch2.pth
    --processed_data_csv processed/processed_data.csv --output_path embeddings.npz --batch_size 32
"""

from prefect import flow

from flows.cli import parse, run
from tasks.base_model import prepare_checkpoint, prepare_model
from tasks.embed import embed
from tasks.orchestration.ray_shards import check_runner
from tasks.orchestration.stage import outcome
from vitrina.catalog.processed_table import check_table
from vitrina.catalog.table_fingerprint import table_fingerprint
from vitrina.config import EmbedConfig, GenerateEmbeddingsConfig
from vitrina.embedding.pipeline import EmbeddingPipeline
from vitrina.model.source import check_model, open_checkpoint
from vitrina.reporting.sections import embeddings_section, show_sections
from vitrina.results import EmbedResult, ModelResult
from vitrina.store.artifacts import Store
from vitrina.store.files import check_writable
from vitrina.store.paths import location

__all__ = ["EmbeddingPipeline", "generate_embeddings"]


@flow(name="generate-embeddings")
def generate_embeddings(config: GenerateEmbeddingsConfig) -> EmbedResult:
    """Embed every row's title and picture: the NPZ holds text, img and nm in the table's order."""
    table, output = location(config.processed_data_csv), location(config.output_path)
    fingerprint = table_fingerprint(table)
    place = Store(
        root=str(output.parent), keyed=False, manifest_name=f"{output.stem}.manifest.json"
    )
    model = embedding_model(config, fingerprint)
    return outcome(
        embed,
        str(table),
        fingerprint,
        model,
        place,
        config.part(EmbedConfig),
        earlier=config.earlier,
        refresh=config.refresh,
        runner=config.runner,
    )


def embedding_model(config: GenerateEmbeddingsConfig, fingerprint: str) -> ModelResult:
    """The fine-tuned checkpoint if one is given, else the base model, as a ruCLIP folder."""
    own = Store(root=str(location(config.output_path).parent / ".vitrina"))
    checkpoint = config.fine_tuned_model_path
    if checkpoint is not None:
        return outcome(prepare_checkpoint, checkpoint, config.model, own, refresh=config.refresh)
    table = config.processed_data_csv
    return outcome(prepare_model, config.model, table, fingerprint, own, refresh=config.refresh)


def check(config: GenerateEmbeddingsConfig) -> None:
    """Refuse what cannot work, before anything is written."""
    check_runner(config.runner)
    check_table(location(config.processed_data_csv))
    if config.fine_tuned_model_path is None:
        check_model(config.model)
    else:
        open_checkpoint(config.fine_tuned_model_path, config.model)
    check_writable(location(config.output_path).parent)


if __name__ == "__main__":
    show_sections(
        embeddings_section(
            run(generate_embeddings, parse(GenerateEmbeddingsConfig, __doc__), check)
        )
    )
