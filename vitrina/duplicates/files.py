"""The Parquet files of duplicates: pairs and groups, by the ids of the listings."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from vitrina.duplicates.known import Kind
from vitrina.duplicates.pairs import Cosines, Rows
from vitrina.store.files import atomic_write

CHUNK = 100_000  # pairs written at a time
KINDS = pa.array([kind.name.lower() for kind in Kind])


@dataclass(frozen=True)
class ReportedPairs:
    """The pairs that are reported, an element each; a score is NaN where nothing is known."""

    first: Rows
    second: Rows
    kind: npt.NDArray[np.int8]
    text: Cosines
    image: Cosines
    cosine: Cosines
    score: Cosines

    def __getitem__(self, chosen: Rows | slice) -> "ReportedPairs":
        return ReportedPairs(
            self.first[chosen],
            self.second[chosen],
            self.kind[chosen],
            self.text[chosen],
            self.image[chosen],
            self.cosine[chosen],
            self.score[chosen],
        )


@dataclass(frozen=True)
class Members:
    """The listings that are in groups, an element each, group by group.

    The representative of a group comes first, then the nearest one. ``kind`` is what a member
    shares with its representative, ``cosine`` that of both.
    """

    group: Rows
    row: Rows
    representative: Rows
    kind: npt.NDArray[np.int8]
    cosine: Cosines


def write_pairs(path: UPath, pairs: ReportedPairs, ids: pa.Array) -> None:
    """Write nm_a, nm_b, kind, cosine_text, cosine_image, cosine, score, in the given order."""
    schema = pa.schema(
        [
            pa.field("nm_a", ids.type),
            pa.field("nm_b", ids.type),
            pa.field("kind", pa.string()),
            *(pa.field(name, pa.float32()) for name in ("cosine_text", "cosine_image", "cosine")),
            pa.field("score", pa.float32()),
        ]
    )
    with atomic_write(path) as temp_file, pq.ParquetWriter(temp_file, schema) as writer:
        for start in range(0, len(pairs.first), CHUNK):
            part = pairs[start : start + CHUNK]
            columns = [
                ids.take(pa.array(part.first)),
                ids.take(pa.array(part.second)),
                KINDS.take(pa.array(part.kind)),
                *map(pa.array, (part.text, part.image, part.cosine)),
                pa.array(part.score, from_pandas=True),  # NaN is null
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))


def write_groups(path: UPath, members: Members, ids: pa.Array) -> None:
    """Write group, nm, row, is_representative, kind, cosine, in the given order.

    ``row`` is the listing's in the table.
    """
    is_representative = members.row == members.representative
    table = pa.table(
        {
            "group": pa.array(members.group),
            "nm": ids.take(pa.array(members.row)),
            "row": pa.array(members.row),
            "is_representative": pa.array(is_representative),
            "kind": pa.array(
                KINDS.take(pa.array(members.kind)).to_pylist(), pa.string(), mask=is_representative
            ),
            "cosine": pa.array(members.cosine),
        }
    )
    with atomic_write(path) as temp_file:
        pq.write_table(table, temp_file)
