"""Save a model into a folder, local or on S3."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor
from upath import UPath

from vitrina.model.folder import SAVED_FILES
from vitrina.model.model import RuCLIP, save_folder
from vitrina.store.files import copy, write_bytes
from vitrina.store.paths import is_local, to_path


def put_model_files(model: RuCLIP, folder: UPath) -> None:
    """Write config.json and bpe.model, which a checkpoint in the same folder needs to be loaded."""
    config = json.dumps(model.config, indent=2, ensure_ascii=False) + "\n"
    write_bytes(folder / "config.json", config.encode())
    copy(to_path(model.tokenizer_path), folder / "bpe.model")


def put_model(model: RuCLIP, weights: Mapping[str, Tensor], folder: UPath) -> None:
    """Write a ruCLIP folder with these weights."""
    if is_local(folder):
        Path(folder.path).mkdir(parents=True, exist_ok=True)
        save_folder(model, Path(folder.path), weights)
        return
    with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch:
        save_folder(model, Path(scratch), weights)
        for name in SAVED_FILES:
            copy(to_path(scratch) / name, folder / name)
