"""One image under many different titles: a placeholder such as "no photo", or a mix-up.

The same photo for a size each is no placeholder: there the titles are alike.
"""

import numpy as np

from vitrina.catalog.row_keys import RowKeys
from vitrina.catalog.split import sampled
from vitrina.embedding.vector_file import VectorFile
from vitrina.health.problems import Findings, Problem
from vitrina.health.reasons import Reason, Sentence

MOST_TITLES = 1_000  # of an image whose likeness is measured
SAMPLE = 2_000  # titles whose likeness is the usual one


def find_placeholders(vectors: VectorFile, keys: RowKeys, least_titles: int) -> Findings:
    """The listings whose image is under at least so many titles that are not alike.

    Titles are alike if their mean cosine is nearer to 1 than to that of titles drawn at random.
    """
    title, image = keys.products.T
    _, code, count = np.unique(image, return_inverse=True, return_counts=True)
    many = np.flatnonzero((count >= least_titles)[code] & (image != 0))
    limit = (1 + mean_cosine(vectors, sampled(np.arange(len(keys)), SAMPLE, 0))) / 2
    rows, scores, reasons, others = [many[:0]], [np.zeros(0)], list[Reason](), [many[:0]]
    order = many[np.argsort(code[many], kind="stable")]
    for inside in np.split(order, np.flatnonzero(np.diff(code[order])) + 1):
        _, first = np.unique(title[inside], return_index=True)
        if len(first) < least_titles:
            continue
        likeness = mean_cosine(vectors, sampled(np.sort(inside[first]), MOST_TITLES, 0))
        if likeness < limit:
            rows.append(inside)
            scores.append(np.full(len(inside), float(len(first))))
            others.append(np.where(inside == inside[0], inside[-1], inside[0]))
            reasons += [Reason.of(Sentence.PLACEHOLDER, titles=f"{len(first):,}")] * len(inside)
    found = np.concatenate(rows)
    return Findings.of(
        Problem.PLACEHOLDER, found, np.concatenate(scores), reasons, np.concatenate(others)
    )


def mean_cosine(vectors: VectorFile, rows: np.ndarray) -> float:
    """The mean cosine of the titles of different rows; 1 for a single row."""
    if len(rows) < 2:
        return 1.0
    total = vectors.read("text", rows).sum(axis=0, dtype=np.float64)
    return float((total @ total - len(rows)) / (len(rows) * (len(rows) - 1)))
