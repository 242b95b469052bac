"""Read and write the Parquet shards of an embedding: ids, vectors and the keys of their inputs.

A table with several images a listing has two files a shard: one with a row for each listing, and
one with a row for each image, from which the next embedding takes those that stay.
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from vitrina.embedding.rows import Rows
from vitrina.errors import UserError
from vitrina.results import VectorOrigin
from vitrina.store.files import atomic_write
from vitrina.store.paths import as_user_error

Vectors = npt.NDArray[np.float32]

PREFIX = "vitrina."  # of the schema's metadata: vitrina.model, vitrina.templates, …


def write_shard(path: UPath, rows: Rows, text: Vectors, img: Vectors, origin: VectorOrigin) -> None:
    """Write one shard atomically; ``text`` and ``img`` are float32 (rows, embed_dim).

    ``origin`` becomes the schema's metadata. Raises UserError if a vector is not finite, which
    nothing downstream would notice.
    """
    for kind, vectors in (("text", text), ("image", img)):
        finite = np.isfinite(vectors).all(axis=1)
        if not finite.all():
            raise UserError(
                f"The {kind} vector of nm {rows.nm[int(np.argmin(finite))]} is not finite, so it "
                f"is not written to {path}. Embed again with --refresh, or with another model."
            )
    columns = {
        "nm": _ids(rows.nm),
        "text": _fixed_lists(text),
        "img": _fixed_lists(img),
        "text_key": pa.array(rows.text_keys, pa.string()),
        "image_key": pa.array(rows.listing_keys, pa.string()),
    }
    _write(path, columns, origin)


def write_image_shard(path: UPath, rows: Rows, img: Vectors, origin: VectorOrigin) -> None:
    """Write each image's own vector atomically, float32 (images, embed_dim), one row an image.

    Beside it stand the listing's ``nm``, the image's position in its ``image_paths``, from 0, and
    the hash of its content.
    """
    counts = np.diff(rows.starts)
    columns = {
        "nm": _ids(rows.nm).take(pa.array(np.repeat(np.arange(len(rows)), counts))),
        "position": pa.array(np.arange(len(img)) - np.repeat(rows.starts[:-1], counts), pa.int32()),
        "img": _fixed_lists(img),
        "image_key": pa.array(rows.image_keys, pa.string()),
    }
    _write(path, columns, origin)


def _ids(nm: Sequence[int] | Sequence[str]) -> pa.Array:
    return pa.array(nm, pa.string() if any(isinstance(one, str) for one in nm) else pa.int64())


def _write(path: UPath, columns: Mapping[str, pa.Array], origin: VectorOrigin) -> None:
    table = pa.table(columns).replace_schema_metadata(_metadata(origin))
    with atomic_write(path, table.nbytes) as temp_file:
        # vectors do not compress
        pq.write_table(table, temp_file, compression="none", use_dictionary=False)


def read_column(path: UPath, column: str) -> list[int] | list[str]:
    """The column ``nm``, ``text_key`` or ``image_key`` of a shard."""
    values: list[int] | list[str] = _read(path, column).to_pylist()
    return values


def read_keys(path: UPath) -> pa.Table:
    """The columns ``nm``, ``text_key`` and ``image_key`` of a shard."""
    with as_user_error(path), path.open("rb") as file:
        return pq.read_table(file, columns=["nm", "text_key", "image_key"])


def read_vectors(path: UPath, column: str) -> Vectors:
    """The column ``text`` or ``img`` of a shard, float32 (rows, embed_dim)."""
    array = _read(path, column)
    vectors: Vectors = array.values.to_numpy().reshape(len(array), array.type.list_size)
    return vectors


def row_count(path: UPath) -> int:
    """Number of rows of a shard; only its footer is read."""
    with as_user_error(path), path.open("rb") as file:
        return int(pq.read_metadata(file).num_rows)


def vector_size(path: UPath) -> int:
    """Number of values in each vector of a shard."""
    return int(_schema(path).field("text").type.list_size)


def read_origin(path: UPath) -> VectorOrigin | None:
    """What made the vectors of a shard; None if an older version did not record it."""
    metadata: dict[bytes, bytes] = _schema(path).metadata or {}
    texts = {name.decode(): value.decode() for name, value in metadata.items()}
    values = {name: texts.get(PREFIX + name) for name in VectorOrigin.model_fields}
    if None in values.values():
        return None
    return VectorOrigin.model_validate(
        values | {"templates": json.loads(values["templates"] or "")}
    )


def _metadata(origin: VectorOrigin) -> dict[str, str]:
    values = origin.model_dump()
    templates = json.dumps(origin.templates, ensure_ascii=False)
    return {PREFIX + name: value for name, value in (values | {"templates": templates}).items()}


def _schema(path: UPath) -> pa.Schema:
    with as_user_error(path), path.open("rb") as file:
        return pq.read_schema(file)


def _read(path: UPath, column: str) -> pa.Array:
    with as_user_error(path), path.open("rb") as file:
        return pq.read_table(file, columns=[column]).column(0).combine_chunks()


def _fixed_lists(vectors: Vectors) -> pa.FixedSizeListArray:
    flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
