"""What all plots share: size, colours by theme, and output as SVG or PNG."""

import io
import re
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

DPI = 110
INK, PALE = "#333333", "#c8c8c8"  # in PNGs: text; lines and frames in the background

# A plot is drawn in these stand-ins; the SVG's own style sheet gives each a colour by theme.
THEME = {
    # name: (stand-in, light, dark)
    "page": ("#0a0001", "#ffffff", "#1b1e23"),
    "ink": ("#0a0002", "#24292f", "#e6e8eb"),
    "soft": ("#0a0003", "#5c6570", "#a3abb6"),
    "line": ("#0a0004", "#e3e6ea", "#353a42"),
    "c1": ("#0b0001", "#1f66b8", "#6fb3ff"),
    "c2": ("#0b0002", "#b85c00", "#f3a34f"),
    "c3": ("#0b0003", "#7a4bb0", "#c7a0f5"),
    "c4": ("#0b0004", "#177e5a", "#4fcf9d"),
    "c5": ("#0b0005", "#c0307a", "#ff8cc3"),
    "c6": ("#0b0006", "#8a7200", "#dfc84a"),
    "c7": ("#0b0007", "#0d8aa0", "#5ad4e6"),
    "c8": ("#0b0008", "#a8443a", "#ff9a8d"),
}
SERIES = tuple(THEME[name][0] for name in THEME if name.startswith("c"))
PAGE_COLOUR, INK_COLOUR, SOFT, LINE = (THEME[name][0] for name in ("page", "ink", "soft", "line"))

WIDTH = 440  # of a plot, in units: pixels where it is as wide as that
FONT = 13.0  # units


def plot(height: float, width: float = WIDTH) -> tuple[Figure, Axes]:
    """An empty plot of this size, in units, in the style of all."""
    figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor=PAGE_COLOUR)
    axes = figure.add_subplot(facecolor=PAGE_COLOUR)
    axes.tick_params(labelsize=FONT, colors=SOFT, length=0)
    axes.grid(axis="y", color=LINE, linewidth=0.9)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    return figure, axes


def to_svg(figure: Figure) -> bytes:
    """The figure as an SVG in both themes, the same bytes every time.

    Its text is text. Its colours follow ``prefers-color-scheme``, also inside ``<img>``.
    """
    buffer = io.BytesIO()
    # The global state is only read while the file is written.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "vitrina"}):
        figure.savefig(
            buffer, format="svg", metadata={"Date": None, "Creator": None}, facecolor=PAGE_COLOUR
        )
    text = buffer.getvalue().decode()
    for name, (stand_in, _, _) in THEME.items():
        text = text.replace(stand_in, f"var(--{name})")
    return re.sub(r"(<svg [^>]*>)", lambda found: found[1] + _style(), text, count=1).encode()


def _style() -> str:
    light, dark = (
        " ".join(f"--{name}: {colours[theme]};" for name, colours in THEME.items())
        for theme in (1, 2)
    )
    return (
        f"<style>:root {{ {light} }} @media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }} "
        'text { font-family: system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif !important; }'
        "</style>"
    )


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG, without pyplot, whose global state is not safe in threads."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def legend(axes: Axes, columns: int, handles: Sequence[object] | None = None) -> None:
    """A legend in one line above the plot, at its left."""
    found = axes.get_legend_handles_labels()[0] if handles is None else list(handles)
    axes.legend(
        handles=found,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=columns,
        fontsize=FONT,
        frameon=False,
        labelcolor=INK_COLOUR,
        handlelength=1.1,
        handletextpad=0.4,
        columnspacing=1.2,
        borderpad=0,
        borderaxespad=0.6,
    )
