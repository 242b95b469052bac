"""The image's share in the product vector: the one by which descriptions find held-out listings.

Titles cannot judge it, as they are what the text vectors were made of. A sentence of a description
names the product in other words, as a person who searches does.
"""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from upath import UPath

from vitrina.catalog.listing_images import IMAGE_COLUMNS
from vitrina.catalog.processed_table import (
    DESCRIPTION,
    NM,
    TITLE,
    read_batches,
    read_table,
)
from vitrina.catalog.products import normalize_title, product_groups
from vitrina.catalog.sentences import sentences
from vitrina.catalog.text_template import TextTemplate
from vitrina.config.evaluation import MeasureConfig
from vitrina.embedding.shard_file import Vectors
from vitrina.index.rows import product_vectors
from vitrina.index.vectors import RunVectors

logger = logging.getLogger(__name__)

EVEN = 0.5
WEIGHTS = tuple(round(0.1 * step, 1) for step in range(11))
MAX_QUERIES = 400
MIN_QUERIES = 20  # fewer say nothing
READ_ROWS = 5_000
EncodeTexts = Callable[[Sequence[str]], Vectors]


class WeightChoice(NamedTuple):
    """The image's share in the product vector, and the MRR of each share that was tried."""

    image_weight: float
    mrr: dict[float, float]


class Queries(NamedTuple):
    """Sentences, and for each the position of its listing among the held-out ones."""

    texts: list[str]
    listing: npt.NDArray[np.int64]


def choose_weight(
    table: UPath, vectors: RunVectors, config: MeasureConfig, encode: EncodeTexts
) -> WeightChoice:
    """The weight with the best MRR; of those equally good by their standard error, the most even.

    Evaluation's held-out listings are searched by sentences of their descriptions; a listing of the
    same product counts as found. Without enough descriptions, or if they are part of the text
    that was embedded, the weight is even, and no MRR is returned.
    """
    if DESCRIPTION in TextTemplate.parse(config.listing.text).columns:
        return WeightChoice(EVEN, {})
    from vitrina.evaluation.measure import choose_rows  # torch takes seconds to import

    rows = read_table(table, (NM, TITLE, *IMAGE_COLUMNS))
    held_out = choose_rows(rows, config.evaluate, config.split).ranked
    queries = description_queries(table, rows[TITLE].fillna("").astype(str).tolist(), held_out)
    if len(queries.texts) < MIN_QUERIES:
        logger.info("index: too few descriptions to choose the image weight by, so it is %s", EVEN)
        return WeightChoice(EVEN, {})
    group = product_groups(rows)[held_out]
    text, img = vectors.of_rows(held_out)
    encoded = encode(queries.texts)
    reciprocal = {
        weight: reciprocal_ranks(
            encoded, product_vectors(text, img, weight), group[queries.listing], group
        )
        for weight in WEIGHTS
    }
    mrr = {weight: float(ranks.mean()) for weight, ranks in reciprocal.items()}
    return WeightChoice(best_weight(reciprocal), mrr)


def description_queries(
    table: UPath, titles: Sequence[str], rows: npt.NDArray[np.int64]
) -> Queries:
    """A sentence of the description of at most ``MAX_QUERIES`` of the rows, spread evenly.

    A sentence that only repeats the title is not one.
    """
    spread = np.unique(np.linspace(0, len(rows) - 1, min(MAX_QUERIES, len(rows))).astype(int))
    wanted = {int(rows[position]): int(position) for position in spread}
    found: list[tuple[str, int]] = []
    start = 0
    for frame in read_batches(table, READ_ROWS, (DESCRIPTION,)):
        if DESCRIPTION not in frame.columns:
            break
        for row in sorted(wanted.keys() & set(range(start, start + len(frame)))):
            description = frame[DESCRIPTION].iloc[row - start]
            if sentence := _telling_sentence(description, titles[row]):
                found.append((sentence, wanted[row]))
        start += len(frame)
    return Queries([text for text, _ in found], np.array([one for _, one in found], np.int64))


def _telling_sentence(description: object, title: str) -> str:
    """The first sentence that does not contain the whole title; empty if there is none."""
    text = description if isinstance(description, str) else ""
    known = normalize_title(title)
    return next((one for one in sentences(text) if known not in normalize_title(one)), "")


def reciprocal_ranks(
    queries: Vectors,
    items: Vectors,
    query_group: npt.NDArray[np.int64],
    item_group: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """1 / rank of the first item of the query's group, float64 (queries,); ties rank in the middle.

    ``queries`` and ``items``: float32 (rows, dim) of unit length; groups int64 (rows,).
    """
    scores = queries @ items.T
    best = np.where(query_group[:, None] == item_group, scores, -np.inf).max(axis=1, keepdims=True)
    higher, tied = (scores > best).sum(axis=1), (scores == best).sum(axis=1)
    ranks: npt.NDArray[np.float64] = 1 / (higher + (tied + 1) / 2)
    return ranks


def best_weight(reciprocal: dict[float, npt.NDArray[np.float64]]) -> float:
    """Of the weights within one standard error of the best mean, the one nearest to an even one."""
    best = max(reciprocal.values(), key=lambda ranks: float(ranks.mean()))
    enough = best.mean() - best.std() / np.sqrt(len(best))
    good = [weight for weight, ranks in reciprocal.items() if ranks.mean() >= enough]
    return min(good, key=lambda weight: (abs(weight - EVEN), weight))
