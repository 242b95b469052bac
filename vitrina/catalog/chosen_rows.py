"""A few rows of a large processed table."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from upath import UPath

from vitrina.catalog.processed_table import read_batches

BATCH_ROWS = 5_000


def chosen_rows(path: UPath, rows: Collection[int], columns: Sequence[str]) -> pd.DataFrame:
    """These rows of the table, indexed by their numbers, without columns that it does not have.

    The table is read batch by batch, up to the last of the rows.
    """
    wanted = np.unique(np.fromiter(rows, np.int64, len(rows)))
    found: list[pd.DataFrame] = []
    start = 0
    for frame in read_batches(path, BATCH_ROWS, columns):
        if not len(wanted) or start > wanted[-1]:
            break
        inside = wanted[(wanted >= start) & (wanted < start + len(frame))]
        chosen = frame.iloc[inside - start]
        found.append(chosen.set_axis(inside, axis="index"))
        start += len(frame)
    if not found:
        return pd.DataFrame(columns=list(columns))
    frame = pd.concat(found)
    return frame[[name for name in columns if name in frame.columns]]
