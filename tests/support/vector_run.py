"""A run of random vectors: the table, shards and NPZ that an embedding leaves, without a model."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from upath import UPath

from vitrina.embedding.rows import Rows, TableStats
from vitrina.embedding.shard_file import write_shard
from vitrina.embedding.table import write_embeddings
from vitrina.index.vectors import RunVectors
from vitrina.results import VectorOrigin
from vitrina.store.files import write_bytes

DIM = 16
ORIGIN = VectorOrigin(
    model="m", model_folder="", templates=("{}",), text="{title}", arithmetic="cpu float32"
)


@dataclass
class VectorRun:
    """Listings with a text and an image vector each, to be changed and written."""

    rows: pd.DataFrame
    text: npt.NDArray[np.float32]
    img: npt.NDArray[np.float32]

    def write(self, folder: UPath, shard_rows: int = 16) -> tuple[UPath, RunVectors]:
        """Write the files; returns the table, and the vectors' files."""
        table, npz = folder / "processed_data.parquet", folder / "embeddings.npz"
        write_bytes(table, self.rows.to_parquet(index=False))
        nm = self.rows["nm"].tolist()
        shards = []
        for start in range(0, max(len(nm), 1), shard_rows):
            own = slice(start, start + shard_rows)
            keys = [[str(one.tobytes()) for one in part[own]] for part in (self.text, self.img)]
            rows = Rows(nm[own], self.rows["title"].tolist()[own], nm[own], *keys)
            shards.append(folder / "embeddings.parquet" / f"part-{start:05}.parquet")
            write_shard(shards[-1], rows, self.text[own], self.img[own], ORIGIN)
        kind = np.dtype(np.int64) if not nm or isinstance(nm[0], int) else np.dtype("<U20")
        write_embeddings(npz, shards, TableStats(len(nm), kind), self.text.shape[1])
        return table, RunVectors(shards, npz)

    def select(self, rows: npt.NDArray[np.int64]) -> "VectorRun":
        """Only these rows, in this order."""
        return VectorRun(
            self.rows.iloc[rows].reset_index(drop=True), self.text[rows], self.img[rows]
        )


def vector_run(count: int = 50, dim: int = DIM, seed: int = 0) -> VectorRun:
    """Listings with random vectors around as many centres as there are categories."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 5, count)
    rows = pd.DataFrame(
        {
            "title": [f"Кружка {number}" for number in range(count)],
            "image_path": [f"/images/{number}.jpg" for number in range(count)],
            "nm": np.arange(100, 100 + count),
            "category": [f"c{one}" for one in label],
            "price": rng.integers(1, 5, count),
        }
    )
    centres = rng.standard_normal((5, dim))
    text, img = (unit_vectors(centres[label] + rng.standard_normal((count, dim))) for _ in "ab")
    return VectorRun(rows, text, img)


def unit_vectors(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Rows of unit length."""
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
