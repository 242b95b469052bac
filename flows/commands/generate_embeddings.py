"""Embed the texts and images of a processed table with ruCLIP or a fine-tuned checkpoint of it.

python flows/generate_embeddings.py --fine_tuned_model_path model/ruCLIP_model_epoch2.pth
    --processed_data_csv processed/processed_data.csv --output_path embeddings.npz --batch_size 32
"""

from typing import TYPE_CHECKING

from upath import UPath

from flows.command import Command
from flows.run import Work, run_flow
from vitrina.config.scripts import GenerateEmbeddingsConfig
from vitrina.config.text import TITLE_ONLY
from vitrina.store.paths import to_path

if TYPE_CHECKING:
    from vitrina.results import EmbedResult


def manifest_name(npz: UPath) -> str:
    """The name of the manifest beside an NPZ."""
    return f"{npz.stem}.manifest.json"


def models_text(config: GenerateEmbeddingsConfig) -> str:
    """The template of a listing's text that the model was trained with.

    Raises UserError if there is no such model; nothing is downloaded.
    """
    from vitrina.model.folder import listing_text
    from vitrina.model.source import available_model, cache_folder, check_model, open_checkpoint

    if config.fine_tuned_model_path is not None:
        return open_checkpoint(config.fine_tuned_model_path, config.model).text
    check_model(config.model)
    folder = available_model(config.model, cache_folder())
    return listing_text("", folder) if folder else TITLE_ONLY


def check(config: GenerateEmbeddingsConfig) -> None:
    """Validate the input before anything is written."""
    # Imported here: help and the refusal of an option need none of it.
    from tasks.orchestration.executor import check_executor
    from vitrina.catalog.processed_table import check_table
    from vitrina.catalog.text_template import check_text
    from vitrina.store.artifacts import check_output

    check_executor(config.executor)
    table = to_path(config.processed_data_csv)
    check_table(table)
    own_text = models_text(config)
    check_text(config.text or own_text, table)
    output = to_path(config.output_path)
    check_output(output.parent, manifest_name(output))


def load() -> "Work[GenerateEmbeddingsConfig, EmbedResult]":
    """The flow."""
    from flows.generate_embeddings import generate_embeddings

    return generate_embeddings


def main(config: GenerateEmbeddingsConfig) -> None:
    """Embed, and show what was computed."""
    result = run_flow(load, config, check)
    from vitrina.reporting.sections import embeddings_section, show_sections

    show_sections(embeddings_section(result))


FIRST = (
    "processed_data_csv",
    "output_path",
    "fine_tuned_model_path",
    "model",
    "batch_size",
    "templates",
    "precision",
    "device",
    "reuse_from",
    "executor",
)
COMMAND = Command(GenerateEmbeddingsConfig, __doc__, main, first=FIRST)
