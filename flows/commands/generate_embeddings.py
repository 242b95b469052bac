"""Embed the texts and images of a processed table with ruCLIP or a fine-tuned checkpoint of it.

python flows/generate_embeddings.py --fine_tuned_model_path model/ruCLIP_model_epoch2.pth
    --processed_data_csv processed/processed_data.csv --output_path embeddings.npz --batch_size 32
"""

from upath import UPath

from flows.command import Command
from flows.run import Work, run_flow
from tasks.orchestration.executor import check_executor
from vitrina.catalog.processed_table import check_table
from vitrina.config.scripts import GenerateEmbeddingsConfig
from vitrina.model.source import check_model, open_checkpoint
from vitrina.reporting.sections import embeddings_section, show_sections
from vitrina.results import EmbedResult
from vitrina.store.artifacts import check_output
from vitrina.store.paths import to_path


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


def load() -> Work[GenerateEmbeddingsConfig, EmbedResult]:
    """The flow."""
    from flows.generate_embeddings import generate_embeddings

    return generate_embeddings


def main(config: GenerateEmbeddingsConfig) -> None:
    """Embed, and show what was computed."""
    show_sections(embeddings_section(run_flow(load, config, check)))


COMMAND = Command(GenerateEmbeddingsConfig, __doc__, main)
