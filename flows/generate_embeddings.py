"""Embed the texts and images of a processed table with ruCLIP or a fine-tuned checkpoint of it.

python flows/generate_embeddings.py --fine_tuned_model_path model/ruCLIP_model_epoch2.pth
    --processed_data_csv processed/processed_data.csv --output_path embeddings.npz --batch_size 32
"""

from prefect import flow
from upath import UPath

from flows.cli import parse, run
from tasks.base_model import prepare_checkpoint, prepare_model
from tasks.embed import embed
from tasks.orchestration.ray_shards import check_executor
from vitrina.catalog.processed_table import check_table
from vitrina.catalog.table_fingerprint import table_fingerprint
from vitrina.config.embedding import EmbedConfig
from vitrina.config.run_options import RunOptions
from vitrina.config.scripts import GenerateEmbeddingsConfig
from vitrina.embedding.pipeline import EmbeddingPipeline
from vitrina.model.source import check_model, open_checkpoint
from vitrina.reporting.sections import embeddings_section, show_sections
from vitrina.results import EmbedResult, TableRef
from vitrina.store.artifacts import Store, check_output
from vitrina.store.paths import to_path

__all__ = ["EmbeddingPipeline", "generate_embeddings"]


@flow(name="generate-embeddings")
def generate_embeddings(config: GenerateEmbeddingsConfig) -> EmbedResult:
    """Embed every row's title and image: the NPZ holds text, img and nm in the table's order."""
    path, output = to_path(config.processed_data_csv), to_path(config.output_path)
    table = TableRef(path=str(path), fingerprint=table_fingerprint(path))
    own = Store(root=str(output.parent / ".vitrina"))
    options = config.part(RunOptions)
    if config.fine_tuned_model_path is not None:
        model = prepare_checkpoint(config.fine_tuned_model_path, config.model, own, options)
    else:
        model = prepare_model(config.model, table, own, options)
    store = Store(root=str(output.parent), keyed=False, manifest_name=manifest_name(output))
    return embed(table, model, store, config.part(EmbedConfig), options, config.reuse_from)


def manifest_name(npz: UPath) -> str:
    """The name of the manifest beside an NPZ."""
    return f"{npz.stem}.manifest.json"


def check(config: GenerateEmbeddingsConfig) -> None:
    """Validate the input before anything is written."""
    check_executor(config.executor)
    check_table(to_path(config.processed_data_csv))
    if config.fine_tuned_model_path is None:
        check_model(config.model)
    else:
        open_checkpoint(config.fine_tuned_model_path, config.model)
    output = to_path(config.output_path)
    check_output(output.parent, manifest_name(output))


if __name__ == "__main__":
    show_sections(
        embeddings_section(
            run(generate_embeddings, parse(GenerateEmbeddingsConfig, __doc__), check)
        )
    )
