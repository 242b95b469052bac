"""Whether exported towers encode as their model does, on listings of the run."""

import numpy as np
import pandas as pd

from vitrina.catalog.processed_table import IMAGE_PATH, read_batches
from vitrina.config.text import ListingConfig
from vitrina.embedding.encoder import Encoder, Vectors
from vitrina.embedding.listings import ListingVectors, embed_listings
from vitrina.errors import UserError
from vitrina.evaluation.metrics import retrieval_metrics
from vitrina.results import OnnxComparison
from vitrina.search.stored_run import StoredRun

MIN_COSINE = 0.9999
RECALLS = tuple(
    f"{way}_recall_at_{k}" for way in ("text_to_image", "image_to_text") for k in (1, 5, 10)
)
READ_ROWS = 5_000


def compare(
    exported: Encoder, model: Encoder, rows: pd.DataFrame, listing: ListingConfig
) -> OnnxComparison:
    """Encode the same rows with both."""
    own, reference = (embed_listings(encoder, rows, listing) for encoder in (exported, model))
    return OnnxComparison(
        rows=len(rows),
        text_cosine=_lowest_cosine(own.text, reference.text),
        image_cosine=_lowest_cosine(own.img, reference.img),
        recall=_recall(own),
        model_recall=_recall(reference),
    )


def check(found: OnnxComparison) -> None:
    """Raise UserError unless all cosines are above ``MIN_COSINE`` and the recall is the same.

    Listings whose scores are equal to the last digits may trade places: one query of each recall
    may differ.
    """
    for kind, cosine in (("a text", found.text_cosine), ("an image", found.image_cosine)):
        if not cosine > MIN_COSINE:
            raise UserError(
                f"The exported model does not encode as the model does: the lowest cosine of "
                f"{kind} vector over {found.rows} listings is {cosine:.6f}, and {MIN_COSINE} was "
                "expected. Nothing was written."
            )
    for name, recall in found.recall.items():
        if abs(recall - found.model_recall[name]) > 1 / found.rows + 1e-9:
            raise UserError(
                f"The exported model does not rank as the model does: {name} over {found.rows} "
                f"listings is {recall:.4f}, and the model's is {found.model_recall[name]:.4f}. "
                "Nothing was written."
            )


def sample_rows(run: StoredRun, count: int) -> pd.DataFrame:
    """``count`` rows, spread evenly over the run's table, with the paths that images have now.

    Raises UserError if the run has no listing.
    """
    if not run.result.rows:
        raise UserError("The run has no listings, so an export cannot be compared with its model.")
    wanted = np.unique(np.linspace(0, run.result.rows - 1, count).astype(int))
    frames, start = [], 0
    for frame in read_batches(run.table(), READ_ROWS):
        inside = wanted[(wanted >= start) & (wanted < start + len(frame))]
        frames.append(frame.iloc[inside - start])
        start += len(frame)
    rows = pd.concat(frames, ignore_index=True)
    return rows.assign(**{IMAGE_PATH: rows[IMAGE_PATH].astype(str).map(run.moved)})


def _lowest_cosine(one: Vectors, other: Vectors) -> float:
    return float(np.einsum("ij,ij->i", one.astype(np.float64), other).min())


def _recall(vectors: ListingVectors) -> dict[str, float]:
    metrics = retrieval_metrics(vectors.img, vectors.text)
    return {name: metrics[name] for name in RECALLS}
