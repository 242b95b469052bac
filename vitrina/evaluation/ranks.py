"""Exact ranks of right items among all items, from one blocked product of text and image vectors.

A core holds one tile of the score matrix at a time, and the tile serves both directions. Scores
that float32 cannot tell apart are ties; nothing is sorted, each right item's place is counted.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from vitrina.execution.cpu_count import cpu_count

TOP = 10  # the deepest place that any of the metrics looks at
TIE = 1e-6  # cosines closer than this differ by rounding only
TILE = (1_024, 2_048)  # 8 MiB of scores: large enough for the product, small enough for the cache
LANE = 255  # most bytes of 0 or 1 whose sum fits one byte


@dataclass(frozen=True)
class RelevantScores:
    """Cosines of the queries' best right items.

    ``score`` float32 (queries, depth), not rising, +inf beyond the last; ``copies`` int64
    of the same shape: how many right items a column stands for (in the last column those that tie
    with it, elsewhere 1, beyond the last item 0); ``relevant`` and ``tied_with_best`` int64
    (queries,): how many items are right, and how many of those tie with the best.
    """

    score: np.ndarray
    copies: np.ndarray
    relevant: np.ndarray
    tied_with_best: np.ndarray


@dataclass(frozen=True)
class Ranks:
    """Where the right items of each query stand among all items.

    ``higher`` and ``tied`` are int64 (queries, depth): how many items score higher than a right
    item, and how many the same as it, itself included (0 beyond the last right item).
    """

    higher: np.ndarray
    tied: np.ndarray
    relevant: RelevantScores


def rank_both_ways(
    text: np.ndarray, image: np.ndarray, group: np.ndarray | None = None
) -> tuple[Ranks, Ranks]:
    """Ranks of images for every text, and of texts for every image.

    ``text`` and ``image`` are float32 (rows, dim) of unit length, arrays or CPU tensors, row by row
    a pair; items of equal ``group`` (rows,) are right for each other, by default only a row's own.
    Time is that of the product; memory is a tile per core and a few numbers per row. Raises
    ValueError for other shapes, vectors that are not of unit length, or NaN.
    """
    text, image = np.asarray(text, np.float32), np.asarray(image, np.float32)
    _check(text, image, group)
    members = list(_members(group, len(text)))
    to_image, to_text = (
        _relevant_scores(text, image, members),
        _relevant_scores(image, text, members),
    )
    for_text, for_image = (
        np.zeros((2, *side.score.shape), np.int64) for side in (to_image, to_text)
    )

    def count(rows: slice) -> tuple[slice, np.ndarray, np.ndarray]:
        own, others = np.zeros_like(for_text[:, rows]), np.zeros_like(for_image)
        for columns in _blocks(len(image), TILE[1]):
            scores = text[rows] @ image[columns].T
            own += _at_least(scores, to_image.score[rows], axis=1)
            others[:, columns] = _at_least(scores, to_text.score[columns], axis=0)
        return rows, own, others

    # A core per block of rows: BLAS alone would leave the counting to one core.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(cpu_count()) as pool:
        for rows, own, others in pool.map(count, _blocks(len(text), TILE[0])):
            for_text[:, rows] = own
            for_image += others
    return _ranks(to_image, *for_text), _ranks(to_text, *for_image)


def _check(text: np.ndarray, image: np.ndarray, group: np.ndarray | None) -> None:
    if text.ndim != 2 or text.shape != image.shape or not len(text):
        raise ValueError(f"text {text.shape} and image {image.shape} are not (rows, dim) pairs")
    if group is not None and group.shape != (len(text),):
        raise ValueError(f"group {group.shape} is not one label for each of {len(text)} rows")
    for name, vectors in (("text", text), ("image", image)):
        length = np.einsum("nd,nd->n", vectors, vectors)
        if not np.allclose(length, 1, atol=1e-2):  # half precision passes, NaN fails
            raise ValueError(f"{name} vectors are not of unit length (or hold NaN)")


def _members(group: np.ndarray | None, rows: int) -> Iterator[np.ndarray]:
    """The rows of each group: first all groups of one as a single array, then the others."""
    if group is None:
        yield np.arange(rows)
        return
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=np.nan))
    parts = np.split(order, starts[1:])
    yield np.array([part[0] for part in parts if len(part) == 1], dtype=np.int64)
    yield from (part for part in parts if len(part) > 1)


def _relevant_scores(
    query: np.ndarray, item: np.ndarray, members: list[np.ndarray]
) -> RelevantScores:
    """The best scores of right items; ``members`` as :func:`_members` gives them."""
    rows = len(query)
    depth = min(TOP, max(1, *map(len, members[1:]))) if members[1:] else 1
    score = np.full((rows, depth), np.inf, np.float32)
    copies = np.zeros((rows, depth), np.int64)
    relevant, tied = np.ones(rows, np.int64), np.ones(rows, np.int64)
    single = members[0]
    score[single, 0] = np.einsum("nd,nd->n", query[single], item[single])
    copies[single, 0] = 1
    for group in members[1:]:
        shown = min(depth, len(group))
        for block in _blocks(len(group), TILE[0]):
            own = group[block]
            scores = -np.sort(-(query[own] @ item[group].T), axis=1)
            score[own, :shown] = scores[:, :shown]
            copies[own, :shown] = 1
            last = scores[:, shown - 1, None]
            copies[own, shown - 1] = np.sum(scores[:, shown - 1 :] >= last - TIE, axis=1)
            relevant[own] = len(group)
            tied[own] = np.sum(scores >= scores[:, :1] - TIE, axis=1)
    return RelevantScores(score, copies, relevant, tied)


def _at_least(scores: np.ndarray, relevant: np.ndarray, axis: int) -> np.ndarray:
    """How many scores along an axis are not below, and how many are above, each right score.

    ``scores`` (texts, images); ``relevant`` (queries, depth), the queries being texts for axis 1 and
    images for axis 0. Returns int64 (2, queries, depth).
    """
    counts = np.zeros((2, *relevant.shape), np.int64)
    for place in range(relevant.shape[1]):
        have = np.flatnonzero(np.isfinite(relevant[:, place]))
        if not len(have):
            break
        own = scores if len(have) == len(relevant) else np.take(scores, have, axis=1 - axis)
        limit = np.expand_dims(relevant[have, place], axis)
        counts[0, have, place] = _count(own >= limit - np.float32(TIE), axis)
        counts[1, have, place] = _count(own > limit + np.float32(TIE), axis)
    return counts


def _count(flags: np.ndarray, axis: int) -> np.ndarray:
    """``np.count_nonzero(flags, axis)`` of a 2-D array, adding eight flags at a time."""
    rows, columns = flags.shape
    words = np.pad(flags, ((0, 0), (0, -columns % 8))) if columns % 8 else flags
    words = words.view(np.uint64)
    blocks = _blocks(words.shape[axis], LANE)
    sums = [np.add.reduce(words[:, at] if axis else words[at], axis=axis) for at in blocks]
    lanes = np.stack(sums).view(np.uint8)
    if axis:
        lanes = lanes.reshape(len(sums), rows, 8).transpose(0, 2, 1).reshape(-1, rows)
    counts: np.ndarray = lanes.sum(axis=0, dtype=np.int64)
    return counts if axis else counts[:columns]


def _ranks(relevant: RelevantScores, not_below: np.ndarray, higher: np.ndarray) -> Ranks:
    return Ranks(higher, not_below - higher, relevant)


def _blocks(length: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, length)) for start in range(0, length, size))
