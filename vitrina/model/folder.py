"""A ruCLIP folder by its files, local or on S3; knows nothing of what is in them."""

from upath import UPath

from vitrina.store.fingerprint import file_fingerprint, fingerprint
from vitrina.store.paths import is_file

FILES = ("config.json", "bpe.model", "pytorch_model.bin")


def missing_files(folder: UPath) -> list[str]:
    """Which of a ruCLIP folder's three files are not there."""
    return [name for name in FILES if not is_file(folder / name)]


def folder_fingerprint(folder: UPath) -> str:
    """Hash of the content of a ruCLIP folder's three files; UserError if one is missing."""
    return fingerprint(*(file_fingerprint(folder / name) for name in FILES))
