"""The demo catalogue as the files of an artifact, local or on S3."""

import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vitrina.demo.catalog import draw_catalog
from vitrina.demo.queries import QUERIES
from vitrina.results import DemoResult
from vitrina.store.artifacts import Artifact
from vitrina.store.files import copy
from vitrina.store.paths import to_path

COPIES = 32  # at a time: copying a small file to S3 is nearly all waiting


def draw_into(artifact: Artifact, products: int, seed: int) -> tuple[DemoResult, Iterable[str]]:
    """Draw the demo catalogue into an artifact's folder; returns the result and the file names."""
    with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch:
        folder = Path(scratch)
        facts = draw_catalog(folder, products, seed)
        names = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
        with ThreadPoolExecutor(COPIES) as pool:
            for _ in pool.map(
                lambda name: copy(to_path(folder / name), artifact.path / name), names
            ):
                pass  # raises what failed in a thread
    result = DemoResult(
        catalog=str(artifact.path / "catalog.parquet"),
        images=str(artifact.path / "images"),
        queries=str(artifact.path / QUERIES),
        rows=facts.rows,
    )
    return result, names
