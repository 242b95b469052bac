"""What all plots share: resolution, colours and PNG output."""

import io

from matplotlib.figure import Figure

DPI = 110
INK, PALE = "#333333", "#c8c8c8"  # text; lines and frames in the background


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG, without pyplot, whose global state is not safe in threads."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
