"""Exact ranks of relevant items, from one blocked product of text and image vectors.

Each core holds one tile of the score matrix at a time, and a tile serves both directions. Nothing
is sorted: a relevant item's rank is the number of scores above its own. Scores that differ by no
more than float32 rounding are ties.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from vitrina.execution.cpu_count import cpu_count

TOP = 10  # the lowest rank that any of the metrics looks at
TIE = 1e-6  # cosines closer than this differ only by rounding
# Rows and columns of a tile: 8 MiB of scores, large enough for an efficient product and small
# enough for the cache. Below 2**16, because counts within a tile are uint16.
TILE = (1_024, 2_048)


@dataclass(frozen=True)
class RelevantScores:
    """Cosines of each query with its best relevant items, at most ``TOP`` of them.

    ``score`` float32 (queries, depth): in descending order, +inf where a query has fewer relevant
    items. ``copies`` int64 (queries, depth): how many relevant items a column stands for; 1, in the
    last column all that tie with it, and 0 where there is no item. ``relevant`` int64 (queries,):
    the number of relevant items. ``tied_with_best`` int64 (queries,): how many of them tie with the
    best one, itself included.
    """

    score: np.ndarray
    copies: np.ndarray
    relevant: np.ndarray
    tied_with_best: np.ndarray


@dataclass(frozen=True)
class Ranks:
    """The ranks of each query's best relevant items among all items.

    ``higher`` and ``tied`` int64 (queries, depth): how many items score higher than the relevant
    item, and how many tie with it, itself included (0 where there is no item).
    """

    higher: np.ndarray
    tied: np.ndarray
    relevant: RelevantScores


def rank_both_ways(
    text: np.ndarray, image: np.ndarray, group: np.ndarray | None = None
) -> tuple[Ranks, Ranks]:
    """Ranks of the images for every text, and of the texts for every image.

    ``text`` and ``image``: float32 (rows, dim) of unit length, arrays or CPU tensors; row i of both
    is a pair. ``group`` int64 (rows,): items of the same group are relevant to each other; without
    it only the pair itself is. Takes about the time of the matrix product, and memory for a tile
    per core and a few numbers per row. Raises ValueError for mismatched shapes, vectors that are
    not of unit length, or NaN.
    """
    text, image = np.asarray(text, np.float32), np.asarray(image, np.float32)
    _check(text, image, group)
    members = list(_members(group, len(text)))
    to_image = _relevant_scores(text, image, members)
    to_text = _relevant_scores(image, text, members)
    text_counts, image_counts = (
        np.zeros((2, *side.score.shape), np.int64) for side in (to_image, to_text)
    )

    def count(rows: slice) -> tuple[slice, np.ndarray, np.ndarray]:
        for_texts, for_images = np.zeros_like(text_counts[:, rows]), np.zeros_like(image_counts)
        for columns in _blocks(len(image), TILE[1]):
            scores = text[rows] @ image[columns].T
            for_texts += _count_scores(scores, to_image.score[rows], axis=1)
            for_images[:, columns] = _count_scores(scores, to_text.score[columns], axis=0)
        return rows, for_texts, for_images

    # One core per block of rows: BLAS threads alone would leave the counting to one core.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(cpu_count()) as pool:
        for rows, for_texts, for_images in pool.map(count, _blocks(len(text), TILE[0])):
            text_counts[:, rows] = for_texts
            image_counts += for_images
    return _ranks(to_image, *text_counts), _ranks(to_text, *image_counts)


def _check(text: np.ndarray, image: np.ndarray, group: np.ndarray | None) -> None:
    if text.ndim != 2 or text.shape != image.shape or not len(text):
        raise ValueError(f"text {text.shape} and image {image.shape} are not (rows, dim) pairs")
    if group is not None and group.shape != (len(text),):
        raise ValueError(f"group {group.shape} is not one label for each of {len(text)} rows")
    for name, vectors in (("text", text), ("image", image)):
        squared_length = np.einsum("nd,nd->n", vectors, vectors)
        if not np.allclose(squared_length, 1, atol=1e-2):  # half precision passes, NaN fails
            raise ValueError(f"{name} vectors are not of unit length (or hold NaN)")


def _members(group: np.ndarray | None, rows: int) -> Iterator[np.ndarray]:
    """The rows of each group: first all groups of one row in a single array, then the others."""
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
    """The scores of the relevant items; ``members`` as :func:`_members` gives them."""
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


def _count_scores(scores: np.ndarray, relevant: np.ndarray, axis: int) -> np.ndarray:
    """Along an axis, how many scores are not lower, and how many higher, than each relevant score.

    ``scores`` (texts, images); ``relevant`` (queries, depth): the queries are texts for axis 1,
    images for axis 0. Returns int64 (2, queries, depth).
    """
    counts = np.zeros((2, *relevant.shape), np.int64)
    for column in range(relevant.shape[1]):
        queries = np.flatnonzero(np.isfinite(relevant[:, column]))
        if not len(queries):
            break
        all_have = len(queries) == len(relevant)
        own = scores if all_have else np.take(scores, queries, axis=1 - axis)
        limit = np.expand_dims(relevant[queries, column], axis)
        counts[0, queries, column] = _count(own >= limit - np.float32(TIE), axis)
        counts[1, queries, column] = _count(own > limit + np.float32(TIE), axis)
    return counts


def _count(flags: np.ndarray, axis: int) -> np.ndarray:
    """``np.count_nonzero`` of at most 65,535 flags along an axis, in a quarter of its time."""
    counts: np.ndarray = np.add.reduce(flags, axis=axis, dtype=np.uint16)
    return counts


def _ranks(relevant: RelevantScores, not_lower: np.ndarray, higher: np.ndarray) -> Ranks:
    return Ranks(higher, not_lower - higher, relevant)


def _blocks(length: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, length)) for start in range(0, length, size))
