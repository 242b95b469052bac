"""The three files of a ruCLIP folder, local or on S3, and the fingerprint of their content."""

from upath import UPath

from vitrina.store.fingerprint import file_fingerprint, fingerprint
from vitrina.store.paths import is_file

FILES = ("config.json", "bpe.model", "pytorch_model.bin")


def missing_files(folder: UPath) -> list[str]:
    """The names of the three files that the folder lacks."""
    return [name for name in FILES if not is_file(folder / name)]


def folder_fingerprint(folder: UPath) -> str:
    """A hash of the content of the three files. Raises UserError if one is missing."""
    return fingerprint(*(file_fingerprint(folder / name) for name in FILES))
