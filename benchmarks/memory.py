"""Peak memory of clean and resize with small pictures, each size in a process of its own.

python -m benchmarks.memory                      2,000 and 20,000 rows
python -m benchmarks.memory --rows 2000 200000

Each stage runs in a fresh process, the way a worker runs it, and reports the most it ever held
(getrusage). The second figure of resize is a run that finds every picture done.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg
import tyro

from tasks.clean import clean_catalog
from tasks.config import CleanConfig, ResizeConfig
from tasks.picture_plan import Survey
from tasks.resize import look, resize_catalog
from tasks.results import CleanResult
from tasks.storage import Artifact, location

SIZE = (48, 36)
DIFFERENT = 50
MIB = 2**20


def make_shop(folder: Path, rows: int) -> None:
    """A catalogue of one row group and a small picture per row."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 255, (DIFFERENT, 1, 1, 3), dtype=np.uint8)
    pictures = [simplejpeg.encode_jpeg(np.tile(colour, (*SIZE, 1))) for colour in colours]
    (folder / "images").mkdir(parents=True)
    for nm in range(rows):
        (folder / "images" / f"{nm}.jpg").write_bytes(pictures[nm % DIFFERENT])
    table = {
        "nm": pa.array(range(rows)),
        "title": pa.array([f"Платье женское летнее, артикул {nm}" for nm in range(rows)]),
        "description": pa.array([f"<p>Лёгкое&nbsp;платье {nm}.</p>" * 8 for nm in range(rows)]),
    }
    pq.write_table(pa.table(table), folder / "catalog.parquet", row_group_size=rows)


def clean(folder: Path) -> CleanResult:
    """The cleaned table."""
    artifact = Artifact(location(folder / "clean"))
    return clean_catalog(location(folder / "catalog.parquet"), artifact, CleanConfig())[0]


def resize(folder: Path, cleaned: CleanResult) -> None:
    """The processed table and its pictures."""
    survey = Survey.make(location(folder / "images"), location(folder / "pictures"), ResizeConfig())
    look(cleaned, survey)
    resize_catalog(cleaned, survey, Artifact(location(folder / "resize")))


def alone(work: Callable[..., object], *arguments: object) -> tuple[object, float, float]:
    """What the work returns, its seconds, and the peak memory in bytes of its own process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (work, *arguments))


def _measured(work: Callable[..., object], *arguments: object) -> tuple[object, float, float]:
    start = time.perf_counter()
    result = work(*arguments)
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return result, time.perf_counter() - start, peak


def main(rows: tuple[int, ...] = (2_000, 20_000)) -> None:
    """Print peak memory and seconds per stage and number of rows, and the ratios."""
    peaks: dict[str, list[float]] = {"clean": [], "resize": [], "resize, all done": []}
    for count in rows:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            alone(make_shop, folder, count)  # a child's figure starts at what its parent holds
            cleaned, seconds, peak = alone(clean, folder)
            found = {"clean": (seconds, peak)}
            for name in ("resize", "resize, all done"):
                found[name] = alone(resize, folder, cleaned)[1:]
        for name, (seconds, peak) in found.items():
            peaks[name].append(peak)
            print(
                f"{count:>8,} rows  {name:<17} {peak / MIB:6.0f} MiB at most  {seconds:7.1f} s  "
                f"{1e6 * seconds / count:8.0f} µs/row"
            )
    for name, found_peaks in peaks.items():
        print(f"ratio, {name:<17} {found_peaks[-1] / found_peaks[0]:.2f}")


if __name__ == "__main__":
    tyro.cli(main)
