"""The image of a listing as a response."""

import hashlib

from fastapi.responses import Response
from upath import UPath

from vitrina.errors import UserError
from vitrina.serving.served_run import UnknownListingError
from vitrina.store.files import read_bytes

# What resize writes; anything else in an image's place is not handed out.
SIGNATURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
HEADERS = {"cache-control": "private, max-age=3600"}


def image_response(path: UPath, known: str) -> Response:
    """The image, or 304 if the client has it already, by the entity tag ``known``.

    Raises UnknownListingError if it is missing, or no image.
    """
    try:
        content = read_bytes(path)
    except UserError as error:
        raise UnknownListingError("The image of this listing is missing.") from error
    kind = next((kind for start, kind in SIGNATURES.items() if content.startswith(start)), None)
    if kind is None:
        raise UnknownListingError("The image of this listing is no JPEG or PNG.")
    tag = f'"{hashlib.blake2b(content, digest_size=10).hexdigest()}"'
    if known == tag:
        return Response(status_code=304, headers=HEADERS | {"etag": tag})
    return Response(content, media_type=kind, headers=HEADERS | {"etag": tag})
