"""Folders with the three files of a ruCLIP, whose content is only their names: quick to copy."""

from pathlib import Path

from vitrina.model.folder import FILES
from vitrina.results import ModelResult
from vitrina.store.files import write_bytes
from vitrina.store.paths import to_path


def model_files(folder: Path, name: str) -> ModelResult:
    """A model folder below ``folder``; the name is also the model's fingerprint."""
    for file in FILES:
        write_bytes(to_path(folder / name) / file, f"{file} of {name}".encode())
    return ModelResult(folder=str(folder / name), fingerprint=name)
