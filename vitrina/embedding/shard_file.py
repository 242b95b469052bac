"""The Parquet shards of an embedding: nm beside the vectors and what they were computed of."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from vitrina.embedding.rows import Rows
from vitrina.store.files import writing
from vitrina.store.paths import explained

Vectors = npt.NDArray[np.float32]


def write_shard(path: UPath, rows: Rows, text: Vectors, img: Vectors) -> None:
    """Write one shard whole; ``text`` and ``img`` are float32 (rows, embed_dim)."""
    numbers = pa.string() if any(isinstance(nm, str) for nm in rows.nm) else pa.int64()
    table = pa.table(
        {
            "nm": pa.array(rows.nm, numbers),
            "text": _fixed_lists(text),
            "img": _fixed_lists(img),
            "text_key": pa.array(rows.text_keys, pa.string()),
            "picture_key": pa.array(rows.picture_keys, pa.string()),
        }
    )
    with writing(path) as aside:
        # vectors do not compress
        pq.write_table(table, aside, compression="none", use_dictionary=False)


def read_column(path: UPath, column: str) -> list[int] | list[str]:
    """nm or the keys of a shard."""
    values: list[int] | list[str] = _read(path, column).to_pylist()
    return values


def read_vectors(path: UPath, column: str) -> Vectors:
    """The vectors of a shard, float32 (rows, embed_dim)."""
    array = _read(path, column)
    vectors: Vectors = array.values.to_numpy().reshape(len(array), array.type.list_size)
    return vectors


def vector_size(path: UPath) -> int:
    """How many numbers a vector of the shard has."""
    with explained(path), path.open("rb") as file:
        return int(pq.read_schema(file).field("text").type.list_size)


def _read(path: UPath, column: str) -> pa.Array:
    with explained(path), path.open("rb") as file:
        return pq.read_table(file, columns=[column]).column(0).combine_chunks()


def _fixed_lists(vectors: Vectors) -> pa.FixedSizeListArray:
    flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
