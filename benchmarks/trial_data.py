"""The two sets of rows that training is compared on: drawn images and real ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.stamps import stamps
from benchmarks.trial import VISIBLE, Split, base_model, by_combination, split_of
from vitrina.model.model import RuCLIP


@dataclass(frozen=True)
class TrialData:
    """Rows, how they are split, and the columns in which a relevant listing is equal."""

    name: str
    table: pd.DataFrame
    folder: Path  # of the base models
    split_by: Callable[[pd.DataFrame, int], Split]
    relevant: tuple[str, ...]

    def trials(self, seeds: range) -> Iterator[tuple[int, np.ndarray, RuCLIP]]:
        """Each seed with its split and its untrained model."""
        print(self.name, flush=True)
        self.folder.mkdir()
        for seed in seeds:
            yield seed, self.split_by(self.table, seed), base_model(self.table, self.folder, seed)


def drawn_and_real(table: pd.DataFrame, folder: Path) -> Iterator[TrialData]:
    """Unseen combinations of the demo's colours and kinds, and unseen stamps of Tux Paint."""
    drawn = f"the demo, {len(table)} rows"
    yield TrialData(drawn, table, folder / "drawn", by_combination, VISIBLE)
    real = stamps(folder / "stamps")
    name = f"Tux Paint's stamps, {len(real)} rows"
    yield TrialData(name, real, folder / "real", split_of, ("title",))
