"""The vectors of a run, shard by shard: from the NPZ on this machine, or from shards on S3."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from upath import UPath

from vitrina.catalog.processed_table import NM
from vitrina.embedding.npz_reader import memory_map
from vitrina.embedding.shard_file import Vectors, read_keys, read_vectors, vector_size
from vitrina.store.paths import is_local

READERS = 16  # shards whose keys are read at a time; each takes two requests on S3
COLUMNS = ("text", "img")
Rows = npt.NDArray[np.int64] | slice


@dataclass(frozen=True)
class RunVectors:
    """The shards of an embedding, in the order of its table, and its NPZ.

    Of an NPZ on this machine only the rows asked for are read; on S3 it would be read as a whole.
    """

    shards: Sequence[UPath]
    npz: UPath

    @cached_property
    def size(self) -> int:
        """The number of values in a vector."""
        return vector_size(self.shards[0])

    @cached_property
    def nm_type(self) -> pa.DataType:
        """int64 or string."""
        return read_keys(self.shards[0])[NM].type

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """The first row of each shard, and the number of all rows."""
        return np.cumsum([0, *(len(keys) for keys in self.shard_keys())])

    def shard_keys(self) -> Iterator[pa.Table]:
        """nm, text_key and image_key of each shard."""
        with ThreadPoolExecutor(READERS) as pool:
            for start in range(0, len(self.shards), READERS):
                yield from pool.map(read_keys, self.shards[start : start + READERS])

    def read(self, shard: int, rows: Rows = slice(None)) -> tuple[Vectors, Vectors]:
        """Text and image vectors of rows of a shard, float32 (rows, embed_dim)."""
        if not is_local(self.npz):
            text, img = (read_vectors(self.shards[shard], name)[rows] for name in COLUMNS)
        else:
            start, stop = self.starts[shard : shard + 2]
            # Copies, aligned in memory as arithmetic needs them.
            text, img = (np.array(self._mapped[name][start:stop][rows]) for name in COLUMNS)
        return text, img

    def of_rows(self, rows: npt.NDArray[np.int64]) -> tuple[Vectors, Vectors]:
        """Text and image vectors of these rows of the run, ascending, at least one."""
        parts = []
        for shard, (start, stop) in enumerate(pairwise(self.starts.tolist())):
            own = rows[(rows >= start) & (rows < stop)] - start
            if len(own):
                parts.append(self.read(shard, own))
        text, img = (np.concatenate(column) for column in zip(*parts, strict=True))
        return text, img

    @cached_property
    def _mapped(self) -> dict[str, Vectors]:
        return {name: memory_map(Path(self.npz.path), name) for name in COLUMNS}
