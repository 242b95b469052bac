"""TODO."""

import io

from matplotlib.figure import Figure

DPI = 110
INK, PALE = "#333333", "#c8c8c8"


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
