"""How many of the truly nearest rows approximate search finds, measured on a sample of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from vitrina.embedding.shard_file import Vectors
from vitrina.index.vectors import RunVectors

TOP = 10
TIE = 1e-5  # cosines closer than this differ only by rounding
SAMPLED_SHARDS = 4
SAMPLED_ROWS = 32  # each gives two queries


def sample_queries(vectors: RunVectors) -> Vectors:
    """Text and image vectors of some rows, float32 (queries, embed_dim); always the same ones."""
    numbers = np.unique(np.linspace(0, len(vectors.shards) - 1, SAMPLED_SHARDS).astype(int))
    per_shard = -(-SAMPLED_ROWS // len(numbers))
    lengths = np.diff(vectors.starts)
    parts: list[Vectors] = []
    for number in numbers.tolist():
        rows = np.linspace(0, lengths[number] - 1, per_shard).astype(int)
        parts.extend(vectors.read(number, rows))
    return np.concatenate(parts)


@dataclass
class NearestSoFar:
    """The ten highest cosines of each query, among the rows that have passed by."""

    queries: Vectors
    highest: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)

    def see(self, vectors: Mapping[str, Vectors]) -> None:
        """Take in rows, given as unit vectors (rows, embed_dim) by column."""
        for column, rows in vectors.items():
            scores = self.queries @ rows.T
            if column in self.highest:
                scores = np.concatenate([self.highest[column], scores], axis=1)
            if scores.shape[1] > TOP:
                scores = np.partition(scores, -TOP, axis=1)[:, -TOP:]
            self.highest[column] = scores

    def recall(self, column: str, found: Sequence[npt.NDArray[np.float32]]) -> float:
        """The share of the ten nearest rows that were found, given each query's cosines."""
        lowest = self.highest[column].min(axis=1) - TIE
        wanted = self.highest[column].shape[1]
        hits = [np.sum(scores >= limit) for scores, limit in zip(found, lowest, strict=True)]
        return float(np.mean(hits) / wanted)
