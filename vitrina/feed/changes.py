"""The difference between two runs: which listings were added, removed or changed, and in what.

``changes.parquet`` brings a copy of the run ``from_run`` to the run ``to_run``; both stand in the
metadata of its schema. A copy of another run needs the whole run instead, or compares its keys.
"""

from collections import Counter
from collections.abc import Mapping

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from vitrina.catalog.processed_table import NM
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.feed.listing_keys import BUCKETS, KEYS, StoredKeys
from vitrina.store.files import atomic_write

KINDS = ("added", "changed", "removed", "model")
CHANGES = {"right_only": "added", "left_only": "removed", "both": "changed"}  # of a pandas merge
COMPARED_ROWS = 200_000  # about as many of both runs are compared at a time, or a bucket
PREFIX = "vitrina."  # of the schema's metadata


def schema(nm_type: pa.DataType) -> pa.Schema:
    """nm; change, one of KINDS; whether text vector, image vector and columns changed; row; keys.

    ``row`` is the position in the table and the NPZ of the new run. It and the keys, as in
    :mod:`vitrina.feed.listing_keys`, are null for a removed listing.
    """
    flags = [(name, pa.bool_()) for name in ("text", "img", "columns")]
    keys = [(name, pa.string()) for name in KEYS]
    return pa.schema([(NM, nm_type), ("change", pa.string()), *flags, ("row", pa.int64()), *keys])


def write_changes(
    path: UPath,
    before: StoredKeys,
    after: StoredKeys,
    metadata: Mapping[str, str],
    progress: OnProgress = no_progress,
    *,
    same_vectors: bool = True,
) -> Counter[str]:
    """Write the changes from one run to another; returns their number by kind, and ``unchanged``.

    Unless the runs have the ``same_vectors``, that is, of one model in one arithmetic, every
    listing that stayed has new ones.
    """
    counts: Counter[str] = Counter(dict.fromkeys((*KINDS, "unchanged"), 0))
    nm_type = after.nm_type if before.nm_type in (after.nm_type, None) else pa.string()
    fields = schema(nm_type).with_metadata({PREFIX + name: one for name, one in metadata.items()})
    with (
        atomic_write(path) as temp_file,
        pq.ParquetWriter(temp_file, fields, compression="zstd") as writer,
    ):
        step = max(1, BUCKETS * COMPARED_ROWS // max(before.rows + after.rows, 1))
        for start in range(0, BUCKETS, step):
            buckets = range(start, min(start + step, BUCKETS))
            old, new = (keys.read(buckets, nm_type).to_pandas() for keys in (before, after))
            changes = compare(old, new, same_vectors=same_vectors)
            counts.update(changes["change"].tolist())
            writer.write_table(pa.Table.from_pandas(changes, fields, preserve_index=False))
            progress(buckets.stop, BUCKETS)
    counts["unchanged"] = after.rows - sum(counts[kind] for kind in KINDS if kind != "removed")
    return counts


def compare(before: pd.DataFrame, after: pd.DataFrame, *, same_vectors: bool) -> pd.DataFrame:
    """The changes between two frames of keys, in the columns of :func:`schema`."""
    both = before.drop(columns="row").merge(
        after, on=NM, how="outer", suffixes=("_before", ""), indicator="found"
    )
    added, stayed = both["found"] == "right_only", both["found"] == "both"

    def differs(key: str) -> "pd.Series[bool]":
        return added | (stayed & (both[f"{key}_before"] != both[key]))

    other_vectors = stayed & (not same_vectors)
    changes = pd.DataFrame(
        {
            NM: both[NM],
            "change": both["found"].astype(str).map(CHANGES),
            "text": differs("text_key") | other_vectors,
            "img": differs("image_key") | other_vectors,
            "columns": differs("columns_key"),
            "row": both["row"].astype("Int64"),
        }
        | {key: both[key] for key in KEYS}
    )
    changes.loc[other_vectors, "change"] = "model"
    return changes[~stayed | changes[["text", "img", "columns"]].any(axis=1)]
