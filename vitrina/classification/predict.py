"""Train the classifier of a run and predict rows, most of which have no class."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline
from upath import UPath

from vitrina.catalog.row_keys import read_row_keys
from vitrina.classification.calibration import probabilities
from vitrina.classification.cross_fit import CHUNK, CrossFit, Training, cross_fit
from vitrina.classification.features import ListingFeatures
from vitrina.classification.judge import ClassifierMetrics, judge_classifier
from vitrina.classification.labels import Labels, read_labels
from vitrina.config.classification import ClassifierConfig
from vitrina.config.training import SplitConfig
from vitrina.embedding.vector_file import RowNumbers, VectorFile
from vitrina.errors import UserError
from vitrina.execution.progress import OnProgress, no_progress


class Predictions(NamedTuple):
    """The two most likely classes of some rows, as numbers, and their probabilities."""

    rows: RowNumbers
    first: npt.NDArray[np.int64]
    probability: npt.NDArray[np.float32]
    second: npt.NDArray[np.int64]
    second_probability: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Classifier:
    """Models that predict the classes of a table's rows, and how good they are."""

    labels: Labels
    fitted: CrossFit
    judged: ClassifierMetrics

    def predict(self, final: Pipeline | None, rows: RowNumbers) -> Iterator[Predictions]:
        """The calibrated predictions of these rows, part by part.

        Rows with a class are predicted by the model that has not seen their product, the others by
        the ``final`` one, which has seen all; None if there are no others.
        """
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            has_class = self.labels.codes[part] >= 0
            logits = np.empty((len(part), len(self.labels.names)), np.float32)
            logits[has_class] = self.fitted.logits(part[has_class])
            if final is not None:
                logits[~has_class] = self.fitted.training.logits(final, part[~has_class])
            probability = probabilities(logits, self.judged.temperature).astype(np.float32)
            best = np.argsort(-probability, axis=1, kind="stable")[:, :2]
            sure = np.take_along_axis(probability, best, axis=1)
            yield Predictions(part, best[:, 0], sure[:, 0], best[:, 1], sure[:, 1])

    def final(self) -> Pipeline:
        """A model trained on all rows with a class."""
        return self.fitted.training.fit(self.labels.labelled)


# Five parameters: the listings, their vectors, what is held out, what is wanted, and who watches.
def train_classifier(
    table: UPath,
    npz: Path,
    split: SplitConfig,
    config: ClassifierConfig,
    progress: OnProgress = no_progress,
) -> Classifier:
    """Train a model for each fold of the products, and judge them.

    Raises UserError if the table has no such column, or fewer than two classes with enough
    products.
    """
    keys = read_row_keys(table)
    product = keys.groups()
    labels = read_labels(table, config.column, product, config.min_products)
    _check_classes(labels, config, table)
    training = Training(
        ListingFeatures(VectorFile.open(npz), config.features),
        labels.codes,
        product,
        len(labels.names),
        config.max_rows,
    )
    fitted = cross_fit(training, labels.labelled, progress)
    held_out = keys.parts(split) != "train"
    return Classifier(labels, fitted, judge_classifier(fitted, labels.labelled, held_out))


def _check_classes(labels: Labels, config: ClassifierConfig, table: UPath) -> None:
    if len(labels.names) >= 2:
        return
    few = sum(labels.rare.values())
    raise UserError(
        f"Column {config.column!r} of {table} has {len(labels.names)} classes with at least "
        f"{config.min_products} products (and {len(labels.rare)} with fewer, of {few:,} rows), so "
        "there is nothing to tell apart. Choose another --column, or lower --min_products."
    )
