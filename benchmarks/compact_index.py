"""Size and recall of an index whose vectors are stored shorter, or in fewer bits.

python -m benchmarks.compact_index           100,000 random vectors of 512, 200 around a centre
python -m benchmarks.compact_index demo      12,000 listings of the demo, by a trained model

The table is the stage's own, the recall that of its search at the effort that it chooses: of the
ten nearest listings by the whole vectors, the share that is found. The model of the demo is tiny
and trained with matryoshka: 32 16, so that its vectors of 64 may be cut.
"""

import tempfile
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import tyro
from upath import UPath

from benchmarks.demo_table import processed_demo
from benchmarks.trial import FROM_SCRATCH, base_model, split_of, trained
from benchmarks.vector_shards import write_shards
from vitrina.config.index import IndexConfig
from vitrina.config.training import TrainConfig
from vitrina.embedding.embedder import Embedder
from vitrina.embedding.rows import TableStats
from vitrina.embedding.shard_file import Vectors
from vitrina.embedding.table import write_embeddings
from vitrina.index.build import IndexRequest, build_index
from vitrina.index.recall import TOP
from vitrina.index.vectors import RunVectors
from vitrina.index.weight import EVEN, WeightChoice
from vitrina.model.device import choose
from vitrina.results import IndexResult
from vitrina.store.files import write_bytes
from vitrina.store.paths import to_path
from vitrina.store.usage import Usage

EMBED_DIM = 512
AROUND_A_CENTRE = 200  # listings: more than the candidates that search begins with
Stored = tuple[Literal["float32", "float16"], Literal[1, 4, 8]]
WHOLE: tuple[Stored, ...] = (("float32", 4), ("float32", 8), ("float32", 1), ("float16", 4))
CUT: tuple[Stored, ...] = (("float16", 4), ("float16", 1))
TRAINED_ON = 1_200  # listings of the demo
MATRYOSHKA = (32, 16)


def main(
    what: tyro.conf.Positional[Literal["random", "demo"]] = "random", listings: int = 0
) -> None:
    """Print a row for each way to store the vectors; ``listings`` 0: as many as above."""
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        folder = Path(scratch)
        if what == "random":
            text, img = random_vectors(listings or 100_000)
            dims: tuple[int, ...] = (EMBED_DIM, EMBED_DIM // 4)
        else:
            text, img = demo_vectors(folder, listings or 12_000)
            dims = (text.shape[1], *MATRYOSHKA)
        table, vectors = written_run(to_path(folder / "run"), text, img)
        print(f"{what}: {len(text):,} listings with vectors of {text.shape[1]}\n")
        print("| table | kB a listing | recall@10 | candidates | partitions |")
        print("|---|---|---|---|---|")
        settings = [(dims[0], *one) for one in WHOLE] + [
            (dim, *one) for dim in dims[1:] for one in CUT
        ]
        for number, (dim, storage, bits) in enumerate(settings):
            config = IndexConfig(
                image_weight=EVEN, exact_below=1, dim=dim, storage=storage, code_bits=bits
            )
            path = to_path(folder / "index" / f"{number:020}.lance")
            request = IndexRequest(table, vectors, path, config)
            result = build_index(request, lambda: WeightChoice(EVEN, {}))
            cells = measured(result, path)
            print(f"| {dim} × {storage}, codes of {bits} | {cells} |", flush=True)


def measured(result: IndexResult, path: UPath) -> str:
    """The cells of a row: size, least recall of the three kinds of vector, and their effort."""
    size = Usage.of(path).size / result.rows / 1e3
    found = result.approximate
    if len(found) < 3:
        return f"{size:.2f} | below 0.99: exact | | "
    worst = min(found.values(), key=lambda one: one.recall_at_10)
    probes = max(one.probes for one in found.values())
    refined = max(one.refine_factor for one in found.values())
    return (
        f"{size:.2f} | {worst.recall_at_10:.4f} | {refined * TOP} | {probes} of {result.partitions}"
    )


def random_vectors(listings: int) -> tuple[Vectors, Vectors]:
    """Unit vectors of texts and images, half of whose length is a centre that several share."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((-(-listings // AROUND_A_CENTRE), EMBED_DIM), np.float32)
    label = rng.integers(0, len(centres), listings)
    text, img = (rng.standard_normal((listings, EMBED_DIM), np.float32) for _ in "ab")
    for vectors in (text, img):
        vectors += centres[label]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return text, img


def demo_vectors(folder: Path, listings: int) -> tuple[Vectors, Vectors]:
    """Vectors of the demo's listings by a tiny model that was trained on some of them."""
    table = processed_demo(folder / "demo", listings)
    some = table[:TRAINED_ON]
    config = TrainConfig(**FROM_SCRATCH, matryoshka=MATRYOSHKA)
    model = trained(some, split_of(some, 0), base_model(some, folder, 0), config)
    embedder = Embedder(model, choose("cpu"), 64, "single", "float32")
    text = embedder.texts(table["title"].tolist())
    return text, embedder.images(table["image_path"].tolist())


def written_run(folder: UPath, text: Vectors, img: Vectors) -> tuple[UPath, RunVectors]:
    """The table, shards and NPZ that an embedding leaves."""
    count = len(text)
    names = [str(row) for row in range(count)]
    frame = pd.DataFrame({"title": names, "image_path": names, "nm": np.arange(count)})
    write_bytes(folder / "table.parquet", frame.to_parquet(index=False))
    shards = write_shards(folder / "embeddings.parquet", text, img, names, names)
    npz = folder / "embeddings.npz"
    write_embeddings(npz, shards, TableStats(count, np.dtype(np.int64)), text.shape[1])
    return folder / "table.parquet", RunVectors(shards, npz)


if __name__ == "__main__":
    tyro.cli(main)
