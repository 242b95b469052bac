"""Every kind of artifact that a run shows in the Prefect UI."""

import io

from PIL import Image

from tasks.orchestration.prefect_ui import progress, show_image, show_markdown, show_table
from vitrina.images.data_uri import data_uri


def png() -> bytes:
    """A small image."""
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), "green").save(buffer, "png")
    return buffer.getvalue()


def show_all(key: str) -> None:
    """A table, a text, an image, and progress that ends at three quarters."""
    show_table(f"{key}-table", [{"reason": "no title", "rows": 3}], "Rows")
    show_markdown(f"{key}-markdown", "## Metrics")
    show_image(f"{key}-image", data_uri(png()), "An image")
    with progress(f"{key}-progress", "image", "Resizing") as show:
        for count in range(1, 4):
            show(count, 4)
