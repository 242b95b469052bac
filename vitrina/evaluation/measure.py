"""All figures of one model on the held-out rows of a table, with examples of what it finds."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vitrina.catalog.processed_table import IMAGE_PATH, TITLE
from vitrina.catalog.products import product_groups
from vitrina.catalog.split import sampled, split_rows
from vitrina.config import EvaluateConfig, SplitConfig
from vitrina.embedding.embedder import Embedder
from vitrina.errors import UserError
from vitrina.evaluation.measurement import Example, Measurement
from vitrina.evaluation.metrics import chance_recall, duplicate_pr_auc, retrieval_metrics
from vitrina.evaluation.probe import Features, linear_probe, probe_rows, zero_shot
from vitrina.model.device import choose
from vitrina.model.model import RuCLIP

logger = logging.getLogger(__name__)

FOUND = 5  # images shown for a title


@dataclass(frozen=True)
class Rows:
    """Positions in the table, int64: those that are ranked, and those a probe learns from."""

    ranked: np.ndarray
    probe: np.ndarray


def measure(
    table: pd.DataFrame, model: RuCLIP, config: EvaluateConfig, split: SplitConfig
) -> Measurement:
    """Retrieval, duplicates and, where the table has labels, probe and zero-shot of a model.

    Everything is measured on the products that ``split`` holds out; two models meet the same rows.
    Raises UserError if it holds out none, or an image cannot be read.
    """
    rows = choose_rows(table, config, split)
    group = product_groups(table)[rows.ranked]
    embedder = Embedder(model, choose(config.device), config.batch_size, config.templates)
    held_out = _features(embedder, table, rows.ranked)
    metrics = retrieval_metrics(held_out.image, held_out.text, group)
    metrics |= chance_recall(len(group), group)
    metrics |= _duplicates(held_out, group, config.duplicate_rows)
    counts = {"ranked_rows": len(rows.ranked), "ranked_products": len(np.unique(group))}
    if config.label_column not in table.columns:
        logger.info("evaluate: no column %r, so no probe by class", config.label_column)
    else:
        labels = table[config.label_column].fillna("").astype(str).str.strip().to_numpy(object)
        ranked = list(labels[rows.ranked])
        metrics |= _zero_shot(embedder, held_out.image, ranked)
        if len(rows.probe):
            probe, found = _probe(embedder, table, rows, labels, held_out)
            metrics, counts = metrics | probe, counts | found
    return Measurement(
        metrics=metrics,
        counts=counts,
        examples=tuple(_examples(held_out, group, rows.ranked, config.examples, split.seed)),
    )


def choose_rows(table: pd.DataFrame, config: EvaluateConfig, split: SplitConfig) -> Rows:
    """The test rows, or the validation rows where there is no test part, and training rows."""
    side = split_rows(table, split.validation_fraction, split.test_fraction, split.seed)
    part = "test" if split.test_fraction else "validation"
    held_out, training = np.flatnonzero(side == part), np.flatnonzero(side == "train")
    if not len(held_out):
        raise UserError(
            "No products are held out, so there is nothing to evaluate on. Set train.test_fraction "
            "above 0, for example 0.1."
        )
    return Rows(
        sampled(held_out, config.max_rows, split.seed),
        sampled(training, config.probe_rows, split.seed),
    )


def _features(embedder: Embedder, table: pd.DataFrame, rows: np.ndarray) -> Features:
    chosen = table.iloc[rows]
    text = embedder.texts(chosen[TITLE].fillna("").tolist())
    return Features(text, embedder.images(chosen[IMAGE_PATH].tolist()))


def _duplicates(features: Features, group: np.ndarray, most: int) -> dict[str, float]:
    """``duplicate_pr_auc_{text,image,both}``; empty where no product is listed twice."""
    kinds = features.kinds()
    kinds["both"] = kinds["both"] / np.float32(np.sqrt(2))  # of unit length again
    found = {kind: duplicate_pr_auc(one, group, most) for kind, one in kinds.items()}
    return {f"duplicate_pr_auc_{kind}": one for kind, one in found.items() if one is not None}


def _zero_shot(embedder: Embedder, image: np.ndarray, labels: Sequence[str]) -> dict[str, float]:
    classes = sorted(set(labels) - {""})
    if len(classes) < 2:
        return {}
    return zero_shot(image, embedder.texts(classes), classes, labels)


def _probe(
    embedder: Embedder, table: pd.DataFrame, rows: Rows, labels: np.ndarray, held_out: Features
) -> tuple[dict[str, float], dict[str, int]]:
    """The linear probe's figures, and the counts of what it learned from and left out."""
    usable = probe_rows(list(labels[rows.probe]), list(labels[rows.ranked]))
    if not usable.enough:
        logger.info("evaluate: no linear probe, the labels name fewer than two common classes")
        return {}, usable.counts
    train, test = rows.probe[usable.train], rows.ranked[usable.test]
    figures = linear_probe(
        _features(embedder, table, train),
        list(labels[train]),
        Features(held_out.text[usable.test], held_out.image[usable.test]),
        list(labels[test]),
    )
    return figures, usable.counts


def _examples(
    features: Features, group: np.ndarray, rows: np.ndarray, most: int, seed: int
) -> list[Example]:
    """What the titles of a few products find, the products drawn by the seed."""
    _, first = np.unique(group, return_index=True)
    queries = np.random.default_rng(seed).permutation(np.sort(first))[:most]
    cosines = features.text[queries] @ features.image.T
    examples = []
    for query, cosine in zip(queries, cosines, strict=True):
        order = np.argsort(-cosine, kind="stable")
        relevant = group[order] == group[query]
        found = order[:FOUND]
        examples.append(
            Example(
                row=int(rows[query]),
                rank=int(np.argmax(relevant)) + 1,
                found=tuple(rows[found].tolist()),
                relevant=tuple(relevant[:FOUND].tolist()),
                cosine=tuple(cosine[found].round(4).tolist()),
            )
        )
    return examples
