"""Categories that listings do not look like, by a classifier that has not seen their products."""

import logging
from pathlib import Path

import numpy as np
from upath import UPath

from vitrina.catalog.parquet_batches import read_schema
from vitrina.classification.predict import Classifier, train_classifier
from vitrina.config.classification import ClassifierConfig
from vitrina.config.health import CATEGORY_COLUMN, HealthConfig
from vitrina.config.training import SplitConfig
from vitrina.errors import UserError
from vitrina.health.problems import Findings, Problem, alone
from vitrina.health.reasons import Reason, Sentence

logger = logging.getLogger(__name__)


def train_on_categories(
    table: UPath,
    npz: Path,
    split: SplitConfig,
    config: HealthConfig,
) -> Classifier | None:
    """A classifier of the categories; None, which is logged, where there is nothing to tell apart.

    Raises UserError for a column that was set and is missing.
    """
    column = config.category_column
    if column == CATEGORY_COLUMN and column not in read_schema(table).names:
        logger.info("health: the table has no column %r, so no categories are compared", column)
        return None
    wanted = ClassifierConfig(column=column, max_rows=config.probe_rows)
    try:
        return train_classifier(table, npz, split, wanted)
    except UserError as error:
        if column not in read_schema(table).names:
            raise
        logger.info("health: no categories are compared: %s", error)
        return None


def find_contradictions(classifier: Classifier, least_probability: float) -> Findings:
    """The listings that look like another category with at least this probability."""
    labels, names = classifier.labels, classifier.labels.names
    rows, scores, reasons = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)], list[Reason]()
    for part in classifier.predict(None, labels.labelled):
        given = labels.codes[part.rows]
        wrong = np.flatnonzero((part.first != given) & (part.probability >= least_probability))
        rows.append(part.rows[wrong])
        scores.append(part.probability[wrong])
        reasons += [
            Reason.of(
                Sentence.CATEGORY,
                given=names[given[one]],
                likely=names[part.first[one]],
                probability=f"{part.probability[one]:.2f}",
            )
            for one in wrong
        ]
    found = np.concatenate(rows)
    return Findings.of(Problem.CATEGORY, found, np.concatenate(scores), reasons, alone(found))
