"""Titles and images that do not fit.

Two things are looked at. A listing's own cosine, of its title and its image, is far below what is
usual; but a model that was trained on a wrong pair has learned to find it fitting. So the titles of
the most similar images of other products are looked at as well: they say what the title should be
about. Both are compared with listings of the same category and part, since pairs that the model was
trained on fit better than held-out ones.
"""

import numpy as np
import numpy.typing as npt

from vitrina.catalog.row_keys import RowKeys
from vitrina.catalog.split import sampled
from vitrina.embedding.vector_file import VectorFile
from vitrina.health.problems import Findings, Problem, Rows, robust_z
from vitrina.health.reasons import Reason, Sentence

NEIGHBOURS = 8  # images whose titles say what a title should be about
SAMPLE = 20_000  # listings among which they are looked for
CHUNK = 512  # rows compared with the sample at a time: 40 MiB of cosines


def find_mismatches(
    vectors: VectorFile,
    keys: RowKeys,
    groups: tuple[Rows, ...],
    least_z: float,
) -> Findings:
    """The listings whose title and image fit ``least_z`` deviations worse than usual.

    ``groups`` label rows of which the same is usual, the narrowest first. ``other`` is the listing
    with the most similar image.
    """
    own, expected, nearest = title_fit(vectors, keys.groups())
    z = (robust_z(own, *groups) + robust_z(expected, *groups)) / 2
    rows = np.flatnonzero(z <= -least_z)
    reasons = [
        Reason.of(
            Sentence.MISMATCH,
            z=f"{-z[row]:.1f}",
            own=f"{own[row]:.2f}",
            expected=f"{expected[row]:.2f}",
        )
        for row in rows
    ]
    return Findings.of(Problem.MISMATCH, rows, -z[rows], reasons, nearest[rows])


def title_fit(
    vectors: VectorFile, product: Rows
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], Rows]:
    """The cosine of each title with its own image, and with the titles of similar images.

    Both float32 (rows,), and the row of the most similar image. Images of the same product, by the
    labels ``product``, do not count.
    """
    count = vectors.shape[0]
    own, expected = np.zeros(count, np.float32), np.zeros(count, np.float32)
    nearest = np.full(count, -1)
    sample = sampled(np.arange(count), SAMPLE, 0)
    images, titles = vectors.read("img", sample), vectors.read("text", sample)
    wanted = min(NEIGHBOURS, len(sample))
    for start in range(0, count, CHUNK):
        rows = np.arange(start, min(start + CHUNK, count))
        text, image = vectors.read("text", rows), vectors.read("img", rows)
        own[rows] = np.einsum("ij,ij->i", text, image)
        cosines = image @ images.T
        cosines[product[rows][:, None] == product[sample][None, :]] = -2
        best = np.argpartition(-cosines, wanted - 1, axis=1)[:, :wanted]
        usual = titles[best].mean(axis=1)
        length = np.maximum(np.linalg.norm(usual, axis=1), 1e-9)
        expected[rows] = np.einsum("ij,ij->i", text, usual) / length
        nearest[rows] = sample[cosines.argmax(axis=1)]
    return own, expected, nearest
