"""The flow that embeds the texts and images of a processed table."""

if __name__ == "__main__":  # first, for help and refusals need nothing of what is imported below
    from flows.main import script

    script("flows.commands.generate_embeddings")
    raise SystemExit

from prefect import flow

from flows.commands.generate_embeddings import manifest_name
from tasks.base_model import prepare_checkpoint, prepare_model
from tasks.embed import embed
from tasks.orchestration.run_name import run_name
from vitrina.catalog.table_fingerprint import table_fingerprint
from vitrina.config.embedding import EmbedConfig
from vitrina.config.run_options import RunOptions
from vitrina.config.scripts import GenerateEmbeddingsConfig
from vitrina.config.text import EmbeddedListingConfig
from vitrina.embedding.pipeline import EmbeddingPipeline
from vitrina.results import EmbedResult, TableRef
from vitrina.store.artifacts import Store
from vitrina.store.paths import to_path

__all__ = ["EmbeddingPipeline", "generate_embeddings"]


@flow(name="generate-embeddings", flow_run_name=run_name)
def generate_embeddings(config: GenerateEmbeddingsConfig) -> EmbedResult:
    """Embed every row's text and image: the NPZ holds text, img and nm in the table's order."""
    path, output = to_path(config.processed_data_csv), to_path(config.output_path)
    table = TableRef(path=str(path), fingerprint=table_fingerprint(path))
    own = Store(root=str(output.parent / ".vitrina"))
    options = config.part(RunOptions)
    if config.fine_tuned_model_path is not None:
        model = prepare_checkpoint(config.fine_tuned_model_path, config.model, own, options)
    else:
        model = prepare_model(config.model, table, own, options)
    store = Store(root=str(output.parent), keyed=False, manifest_name=manifest_name(output))
    listing = config.part(EmbeddedListingConfig)
    embedding = config.part(EmbedConfig)
    return embed(table, model, store, embedding, options, listing, config.reuse_from)
