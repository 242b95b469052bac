"""The map of a run's vectors: similar listings lie side by side, coloured by category."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types
from upath import UPath

from vitrina.catalog.chosen_rows import chosen_rows
from vitrina.embedding.vector_file import VectorFile
from vitrina.reporting.language import ENGLISH, Words
from vitrina.reporting.plots import FONT, INK_COLOUR, SERIES, SOFT, plot, to_svg

HEIGHT = 430
NEIGHBOURS = 30  # perplexity
MIN_ROWS = 10  # fewer make no map
COMPONENTS = 50  # of PCA, which takes the noise out
SEED = 0

Points = npt.NDArray[np.float32]  # (rows, 2)


def draw_vector_map(
    npz: Path, table: UPath, column: str, rows: int, image_weight: float, words: Words = ENGLISH
) -> bytes | None:
    """An SVG with at most ``rows`` listings, spread over the table; None if there are too few.

    ``column`` is that of the category; without it all points have one colour. A listing's vector is
    the weighted mean of its text's and its image's.
    """
    vectors = VectorFile.open(npz)
    count = min(rows, vectors.shape[0])
    if count < MIN_ROWS:
        return None
    chosen = np.linspace(0, vectors.shape[0] - 1, count).astype(np.int64)
    listings = chosen_rows(table, chosen.tolist(), (column,))
    has_categories = column in listings
    categories = listings[column].fillna("").astype(str).tolist() if has_categories else []
    weights = (1 - image_weight, image_weight)
    return vector_map(arrange(vectors.joined(chosen, weights)), categories, words)


def arrange(vectors: npt.NDArray[np.float32]) -> Points:
    """Each vector's place on a plane, float32 (rows, 2): t-SNE, started from the PCA.

    On one thread, so that the same vectors give the same map.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE  # takes a second to import

    with threadpool_limits(1):
        size = min(COMPONENTS, *vectors.shape)
        reduced = PCA(size, svd_solver="full").fit_transform(vectors)
        perplexity = min(NEIGHBOURS, (len(vectors) - 1) / 3)
        map_ = TSNE(perplexity=perplexity, init="pca", random_state=SEED, max_iter=500)
        return np.asarray(map_.fit_transform(reduced), np.float32)


def vector_map(points: Points, categories: Sequence[str], words: Words = ENGLISH) -> bytes:
    """An SVG of points (rows, 2): the most frequent categories coloured, others grey."""
    figure, axes = plot(HEIGHT)
    axes.set_axis_off()
    of_rows = np.asarray(categories or [""] * len(points))
    for name, colour in _colours(categories):
        of_it = of_rows == name
        label = f"{name} ({words.count(int(of_it.sum()))})"
        _scatter(axes, points[of_it], colour, label if categories else None)
    named = [name for name, _ in _colours(categories)]
    rest = ~np.isin(of_rows, named)
    if rest.any():
        label = f"{words('other')} ({words.count(int(rest.sum()))})"
        _scatter(axes, points[rest], SOFT, label, zorder=0)
    axes.set_aspect("equal", adjustable="datalim")
    if categories:
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(0, -0.01),
            ncols=2,
            fontsize=FONT,
            frameon=False,
            labelcolor=INK_COLOUR,
            handletextpad=0.2,
            columnspacing=1.4,
            markerscale=1.8,
        )
    figure.tight_layout(pad=0.4)
    return to_svg(figure)


def _colours(categories: Sequence[str]) -> list[tuple[str, str]]:
    """The colours of the most frequent categories; of none, one for all points."""
    if not categories:
        return [("", SERIES[0])]
    frequent = sorted(Counter(categories).items(), key=lambda one: (-one[1], one[0]))
    named = [name for name, _ in frequent if name][: len(SERIES)]
    return list(zip(named, SERIES, strict=False))


def _scatter(axes: Axes, points: Points, colour: str, label: str | None, zorder: int = 1) -> None:
    axes.plot(
        *(points[:, 0], points[:, 1]),
        color=colour,
        label=label,
        zorder=zorder,
        marker="o",
        markersize=3.4,
        markeredgewidth=0,
        linestyle="",
        alpha=0.85,
    )
