"""Images as ``data:`` URIs, for pages that load nothing from elsewhere."""

import base64
import io

from PIL import Image


def data_uri(image: bytes, kind: str = "png") -> str:
    """A ``data:`` URI that contains an encoded image; ``kind`` is its media type after image/."""
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def jpeg_uri(image: Image.Image) -> str:
    """A ``data:`` URI of an image in RGB, as a JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return data_uri(buffer.getvalue(), "jpeg")
