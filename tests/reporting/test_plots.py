"""Figures as PNG."""

import io

from matplotlib.figure import Figure
from PIL import Image

from vitrina.reporting.plots import DPI, to_png


def test_a_figure_is_a_png_of_its_size() -> None:
    """Inches times the resolution that the figure was made with."""
    image = Image.open(io.BytesIO(to_png(Figure(figsize=(2, 1), dpi=DPI))))
    assert (image.format, image.size) == ("PNG", (2 * DPI, DPI))
