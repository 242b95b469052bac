"""The format of an image by its first bytes."""

SIGNATURES = (
    (0, b"\xff\xd8\xff", ".jpg"),
    (0, b"\x89PNG", ".png"),
    (0, b"GIF8", ".gif"),
    (8, b"WEBP", ".webp"),
    (4, b"ftypavif", ".avif"),
    (0, b"BM", ".bmp"),
    (0, b"II*\0", ".tif"),
    (0, b"MM\0*", ".tif"),
)


def ending_of(data: bytes) -> str:
    """The ending that the name of such a file has; ``.bin`` if it is no image of a usual format."""
    found = (ending for at, start, ending in SIGNATURES if data[at : at + len(start)] == start)
    return next(found, ".bin")
