"""Fingerprints: short hashes of values and of files' content."""

import hashlib
import json
from pathlib import Path

from pydantic import BaseModel
from upath import UPath

from vitrina.store.paths import as_user_error, is_local

# --- fingerprints ----------------------------------------------------------------------------


def fingerprint(*parts: object) -> str:
    """A short hash of plain values and pydantic models: equal values, equal fingerprint."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=_plain)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no fingerprint")


def file_fingerprint(path: UPath) -> str:
    """A hash of a file's content: read locally, the store's own ETag on S3."""
    with as_user_error(path):
        if not is_local(path):
            info = path.fs.info(path.path)
            return fingerprint(info["size"], str(info["ETag"]))
        with Path(path.path).open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=10)).hexdigest()
