"""Recall of vectors that are cut to their first numbers, trained for that (Matryoshka) or not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.trial import (
    FROM_SCRATCH,
    VISIBLE,
    Metrics,
    base_model,
    markdown,
    split_of,
    trained,
)
from vitrina.config.training import TrainConfig
from vitrina.embedding.embedder import Embedder
from vitrina.evaluation.metrics import retrieval_metrics
from vitrina.model.device import choose

LENGTHS = (64, 32, 16, 8)  # the first is the tiny model's own
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "the default recipe": {},
    "matryoshka: 32 16 8": {"matryoshka": LENGTHS[1:]},
}


def compact(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Train with and without ``matryoshka``; recall@1 and MRR at each length."""
    found: dict[str, list[Metrics]] = {}
    for seed in seeds:
        split, base = split_of(table, seed), base_model(table, folder, seed)
        for name, changes in SETTINGS.items():
            config = TrainConfig(**{**FROM_SCRATCH, **changes, "seed": seed})
            model = trained(table, split, base, config)
            rows = table[split == "test"]
            embedder = Embedder(model, choose("cpu"), 32, "single", "float32")
            text = embedder.texts(rows["title"].tolist())
            image = embedder.images(rows["image_path"].tolist())
            for length in LENGTHS:
                metrics = cut_recall(image, text, rows, length)
                found.setdefault(f"{name}; the first {length} numbers", []).append(metrics)
    return markdown(found, ["bytes a vector", "recall@1", "MRR"])


def cut_recall(image: np.ndarray, text: np.ndarray, rows: pd.DataFrame, length: int) -> Metrics:
    """Retrieval by the first numbers of each vector, normalized again."""
    groups = rows.groupby(list(VISIBLE)).ngroup().to_numpy()
    image, text = (cut(one, length) for one in (image, text))
    metrics = retrieval_metrics(image, text, groups)
    return {
        "bytes a vector": 4 * length,
        "recall@1": metrics["mean_recall_at_1"],
        "MRR": metrics["mean_mrr"],
    }


def cut(vectors: np.ndarray, length: int) -> np.ndarray:
    """The first numbers of unit vectors (rows, dim), normalized again."""
    first = vectors[:, :length]
    unit: np.ndarray = first / np.linalg.norm(first, axis=1, keepdims=True)
    return unit
