"""The files of a ruCLIP folder, local or on S3, and the fingerprint of those that are opened.

Weights are in ``pytorch_model.bin``, which ``ruclip`` reads, and in ``model.safetensors``, which
other programs read. Of a folder with both, Vitrina opens the second; it may be the only one.
"""

import json
import logging

from upath import UPath

from vitrina.config.text import TITLE_ONLY
from vitrina.store.files import read_bytes
from vitrina.store.fingerprint import file_fingerprint, fingerprint
from vitrina.store.paths import is_file

logger = logging.getLogger(__name__)

SAFETENSORS, PYTORCH = "model.safetensors", "pytorch_model.bin"
CARD = "README.md"  # the model card, which a folder may lack
FILES = ("config.json", "bpe.model", PYTORCH)  # what ruclip reads
SAVED_FILES = (*FILES, SAFETENSORS)  # what Vitrina writes


def opened_files(folder: UPath) -> tuple[str, str, str]:
    """The names of the three files that the model is opened from."""
    config, tokenizer, weights = FILES
    return config, tokenizer, SAFETENSORS if is_file(folder / SAFETENSORS) else weights


def model_files(folder: UPath) -> list[str]:
    """The names of the opened files, and of the others of the model that are there."""
    opened = opened_files(folder)
    others = {*SAVED_FILES, CARD}.difference(opened)
    return [*opened, *(name for name in sorted(others) if is_file(folder / name))]


def missing_files(folder: UPath) -> list[str]:
    """The names of the three files that the folder lacks."""
    return [name for name in opened_files(folder) if not is_file(folder / name)]


def folder_fingerprint(folder: UPath) -> str:
    """A hash of the content of the three files that are opened.

    Raises UserError if one is missing.
    """
    return fingerprint(*(file_fingerprint(folder / name) for name in opened_files(folder)))


def trained_text(folder: UPath) -> str | None:
    """The template of a listing's text that the folder's model was trained with, if it is stored.

    Only config.json is read. Raises UserError if that is missing.
    """
    text = _stored(folder, "text")
    return text if isinstance(text, str) else None


def stored_embed_dim(folder: UPath) -> int | None:
    """The number of values in the vectors of the folder's model, if config.json says it."""
    embed_dim = _stored(folder, "embed_dim")
    return embed_dim if isinstance(embed_dim, int) else None


def _stored(folder: UPath, name: str) -> object:
    try:
        return json.loads(read_bytes(folder / "config.json")).get(name)
    except (ValueError, AttributeError):  # whoever loads the model says what is wrong with it
        return None


def listing_text(given: str, folder: UPath) -> str:
    """The template to embed listings with: the one ``given``, or else the model's own.

    Logs a warning if the model was trained with another one.
    """
    own = trained_text(folder)
    if given and own not in (None, given):
        logger.warning(
            "A listing's text is %r as given; the model was trained with %r.", given, own
        )
    return given or own or TITLE_ONLY
