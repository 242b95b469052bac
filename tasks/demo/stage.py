"""The demo catalogue as an artifact of the store: the pipeline's input when none is given."""

import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import Field

from tasks.config import Parameters
from tasks.demo.catalog import draw_catalog
from tasks.stage import Stage, retried
from tasks.storage import Artifact, Store, copy, location

UPLOADS = 32  # at a time: on S3 a small file is all waiting


class DemoResult(Parameters):
    """The catalogue that was drawn."""

    catalog: str = Field(description="catalog.parquet")
    images: str = Field(description="Folder of <nm>.jpg.")
    rows: int


STAGE = Stage("demo", DemoResult, "tasks.demo.catalog")


@retried
def draw_demo(
    store: Store, products: int = 400, seed: int = 0, refresh: bool = False
) -> DemoResult:
    """Draw the demo catalogue into the store, or find it there."""
    return STAGE.run(
        store,
        {"products": products, "seed": seed},
        lambda artifact: _make(artifact, products, seed),
        refresh=refresh,
    )


def _make(artifact: Artifact, products: int, seed: int) -> tuple[DemoResult, Iterable[str]]:
    with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch:
        folder = Path(scratch)
        facts = draw_catalog(folder, products, seed)
        files = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
        with ThreadPoolExecutor(UPLOADS) as pool:
            for _ in pool.map(
                lambda name: copy(location(folder / name), artifact.path / name), files
            ):
                pass  # a failure is raised here
    result = DemoResult(
        catalog=str(artifact.path / "catalog.parquet"),
        images=str(artifact.path / "images"),
        rows=facts.rows,
    )
    return result, files
