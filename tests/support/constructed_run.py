"""Listings with known products, constructed as vectors, as a search for duplicates reads them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.constructed import Constructed, construct
from vitrina.config.duplicates import DuplicatesConfig
from vitrina.config.training import SplitConfig
from vitrina.duplicates.find import Duplicates, find_duplicates
from vitrina.store.paths import to_path

SPLIT = SplitConfig(validation_fraction=0.1, test_fraction=0.2, seed=0)


@dataclass(frozen=True)
class ConstructedRun:
    """Constructed listings, and what is found among them."""

    made: Constructed

    def find(self, config: DuplicatesConfig) -> Duplicates:
        """The duplicates, with these parameters."""
        return find_duplicates(to_path(self.made.table), self.made.npz, SPLIT, config)

    def quality(self, found: Duplicates) -> tuple[float, float]:
        """The true precision and recall of the reported pairs."""
        right = self.right(found)
        _, count = np.unique(self.made.product, return_counts=True)
        return float(right.mean()), right.sum() / (count * (count - 1) // 2).sum()

    def right(self, found: Duplicates) -> np.ndarray:
        """Whether each reported pair is of one product."""
        product = self.made.product
        right: np.ndarray = product[found.pairs.first] == product[found.pairs.second]
        return right


def constructed_run(folder: Path, rows: int = 3_000) -> ConstructedRun:
    """Construct listings of small vectors in a folder."""
    return ConstructedRun(construct(folder, rows, dim=96))
