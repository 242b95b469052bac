"""What all plots share: resolution, colours, and the way to PNG."""

import io

from matplotlib.figure import Figure

DPI = 110
INK, PALE = "#333333", "#c8c8c8"


def to_png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
