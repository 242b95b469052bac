"""Fingerprints: short hashes of values and of file contents."""

import hashlib
import json

from pydantic import BaseModel
from upath import UPath

from vitrina.store.file_info import regular_file
from vitrina.store.paths import as_user_error, is_local


def fingerprint(*parts: object) -> str:
    """A short hash of JSON values and pydantic models; equal for equal values.

    Raises TypeError for anything else.
    """
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=_plain)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no fingerprint")


def file_fingerprint(path: UPath) -> str:
    """A hash of a file's content; on S3 of its size and ETag, without reading it."""
    if not is_local(path):
        with as_user_error(path):
            info = path.fs.info(path.path)
            return fingerprint(info["size"], str(info["ETag"]))
    with as_user_error(path), regular_file(path).open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=10)).hexdigest()
