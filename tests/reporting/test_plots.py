"""Figures as SVG and PNG."""

import io
import re

from matplotlib.figure import Figure
from PIL import Image

from vitrina.reporting.plots import DPI, SERIES, THEME, plot, to_png, to_svg


def test_a_figure_is_a_png_of_its_size() -> None:
    """Inches times the resolution that the figure was made with."""
    image = Image.open(io.BytesIO(to_png(Figure(figsize=(2, 1), dpi=DPI))))
    assert (image.format, image.size) == ("PNG", (2 * DPI, DPI))


def drawn() -> str:
    """A plot of a line, with a text."""
    figure, axes = plot(200)
    axes.plot([0, 1], [1, 2], color=SERIES[0])
    axes.set_xlabel("шаг")
    return to_svg(figure).decode()


def test_an_svg_has_the_colours_of_both_themes_and_no_others() -> None:
    """Everything is drawn in variables, which a dark theme gives other values."""
    svg = drawn()
    body = svg.split("</style>", 1)[1]
    assert re.findall(r"(?:fill|stroke): #[0-9a-f]{3,6}", body) == []
    assert "var(--c1)" in body
    assert "prefers-color-scheme: dark" in svg
    assert all(svg.count(f"--{name}: ") == 2 for name in THEME)


def test_an_svgs_text_is_text_and_it_is_the_same_each_time() -> None:
    """It can be searched and read aloud; no date or random id is in it."""
    assert ">шаг<" in drawn()
    assert drawn() == drawn()


def test_colours_differ_from_the_page_in_both_themes() -> None:
    """A contrast of 3 or more for lines and points, of 4.5 for text, as WCAG has it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for theme in (1, 2):
        page = luminance(THEME["page"][theme])
        for name, colours in THEME.items():
            own = luminance(colours[theme])
            contrast = (max(page, own) + 0.05) / (min(page, own) + 0.05)
            least = {"page": 1, "line": 1, "ink": 4.5, "soft": 4.5}.get(name, 3)
            assert contrast >= least, (name, theme)
