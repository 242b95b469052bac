"""A finished run of random vectors around common centres, with a full-size model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from upath import UPath

from benchmarks import workload
from benchmarks.vector_shards import write_shards
from vitrina.embedding.npz_reader import checksums
from vitrina.embedding.rows import TableStats
from vitrina.embedding.table import write_embeddings
from vitrina.index.vectors import RunVectors
from vitrina.model.folder import folder_fingerprint
from vitrina.model.model import RuCLIP
from vitrina.model.save import put_model
from vitrina.model.tokenize import TEMPLATES
from vitrina.results import EmbedResult, VectorOrigin
from vitrina.store.artifacts import Store, open_store
from vitrina.store.files import write_bytes
from vitrina.store.paths import to_path

CENTRES = 500
EMBED_DIM = workload.ARCHITECTURE["embed_dim"]


@dataclass(frozen=True)
class VectorShop:
    """The store, the model, and the titles of a run."""

    store: Store
    model: RuCLIP
    origin: VectorOrigin
    titles: Sequence[str]

    @classmethod
    def make(cls, root: Path, listings: int) -> "VectorShop":
        """A store with the full-size model; the run itself is written by :meth:`write`."""
        rng = np.random.default_rng(0)
        titles = [_title(rng, row) for row in range(listings)]
        model = workload.full_size(root / "scratch", titles[:500])
        folder = to_path(root / "model")
        put_model(model, model.clip.state_dict(), folder)
        origin = VectorOrigin(
            model=folder_fingerprint(folder),
            model_folder=str(folder),
            templates=TEMPLATES,
            text="{title}",
            arithmetic="cpu float32",
        )
        return cls(open_store(str(root / "output")), model, origin, titles)

    def write(self, key: str, changed: float = 0.0) -> tuple[UPath, RunVectors, EmbedResult]:
        """Write a run as the latest one; ``changed`` is the share of rows with another text."""
        folder = self.store.artifact("embed", key).path
        text, img = self._vectors(1), self._vectors(2)
        rows = np.arange(0, len(text), round(1 / changed)) if changed else np.zeros(0, np.int64)
        text[rows] = self._vectors(3)[rows]
        is_changed = np.zeros(len(text), np.bool_)
        is_changed[rows] = True
        keys = [f"text {row} {is_new}" for row, is_new in enumerate(is_changed)]
        table = self._write_table(key)
        given = text, img, self.titles, keys, self.origin
        shards = write_shards(folder / "embeddings.parquet", *given)
        npz = folder / "embeddings.npz"
        write_embeddings(npz, shards, TableStats(len(text), np.dtype(np.int64)), EMBED_DIM)
        result = EmbedResult(
            table=str(table),
            origin=self.origin,
            checksums=checksums(Path(npz.path)),
            npz=str(npz),
            parquet=str(folder / "embeddings.parquet"),
            rows=len(text),
            embed_dim=EMBED_DIM,
            rows_embedded=len(text),
        )
        files = [npz.name, *(f"embeddings.parquet/{shard.name}" for shard in shards)]
        parameters = {"settings": "", "table": key}
        self.store.artifact("embed", key).publish(
            "embed", key, files, parameters=parameters, result=result.model_dump(mode="json")
        )
        self.store.point_latest("embed", key)
        return table, RunVectors(shards, npz), result

    def _vectors(self, seed: int) -> npt.NDArray[np.float32]:
        """Unit vectors, half of whose length is a centre that several share."""
        centres = np.random.default_rng(0).standard_normal((CENTRES, EMBED_DIM), np.float32)
        label = np.random.default_rng(0).integers(0, CENTRES, len(self.titles))
        noise = np.random.default_rng(seed).standard_normal((len(label), EMBED_DIM), np.float32)
        noise += centres[label]
        vectors: npt.NDArray[np.float32] = noise / np.linalg.norm(noise, axis=1, keepdims=True)
        return vectors

    def _write_table(self, key: str) -> UPath:
        path = self.store.path / "resize" / key / "processed_data.parquet"
        count = len(self.titles)
        frame = pd.DataFrame(
            {
                "title": self.titles,
                "image_path": [f"/images/{row}.jpg" for row in range(count)],
                "nm": np.arange(count),
                "category": [f"Категория {row % 20}" for row in range(count)],
            }
        )
        write_bytes(path, frame.to_parquet(index=False))
        return path


def _title(rng: np.random.Generator, row: int) -> str:
    words = rng.choice(workload.WORDS, rng.integers(2, 5), replace=False)
    return " ".join([rng.choice(workload.NOUNS), *words, str(row)])
