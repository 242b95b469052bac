"""Which names may be given to files, and which paths stay within their folder."""

import re

MAX_NAME_BYTES = 200  # of 255, less ".jpg" and the affixes of a temp file


def is_unsafe(name: str) -> bool:
    """Whether an id or a path leaves its folder, or is not allowed by a file system."""
    if name.isalnum() and len(name) <= MAX_NAME_BYTES // 4:
        return False  # at once: most ids are like that
    parts = re.split(r"[/\\]", name)
    too_long = any(len(part.encode("utf-8", "replace")) > MAX_NAME_BYTES for part in parts)
    # fsspec splits the path at "::", s3fs at the version of an object.
    is_split = "::" in name or "?versionId=" in name
    leaves = name.startswith(("/", "\\")) or ".." in parts or "\0" in name
    return too_long or is_split or leaves
