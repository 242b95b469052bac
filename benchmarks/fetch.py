"""Fetching and resizing images from an HTTP server, against img2dataset's way.

python -m benchmarks.fetch
python -m benchmarks.fetch --images 400 --rounds 1
python -m benchmarks.fetch --img2dataset VENV/bin/python    also the package itself, if that has it

The server is a process of its own on this machine: 20 ms of latency, 1% of the images take 2 s, 2%
are missing and 2% always end in the middle. img2dataset cannot be installed beside Vitrina's pins,
so its way is repeated here: in each process, threads with urllib, and one that resizes with OpenCV.
Ours is the stages clean and resize without Prefect. Processes are started and modules imported
before the time is taken, and the variants take turns.
At last the server is killed for 5 s, in the middle of answers.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from threading import Timer
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import tyro

from benchmarks.img2dataset_way import THREADS, Img2datasetWay, run_package
from benchmarks.photo_server import free_port, photo_server, whole_images
from benchmarks.photos import photo
from benchmarks.results import Figure, Findings, bars, print_figures, ratios, write_findings
from vitrina.catalog.cleaning import clean_catalog
from vitrina.catalog.parquet_batches import read_schema
from vitrina.config.catalog import CleanConfig
from vitrina.config.fetch import FetchConfig
from vitrina.config.images import ResizeConfig
from vitrina.execution.cpu_count import cpu_count
from vitrina.images.fetch_images import fetch_images
from vitrina.images.image_folders import ImageFolders
from vitrina.images.resize_catalog import resize_catalog
from vitrina.images.resize_plan import ResizePlanner
from vitrina.store.artifacts import Artifact
from vitrina.store.paths import to_path

DISTINCT = 12  # images that are drawn
DOWN = 5.0  # seconds without a server
WARM = 20  # images fetched before the time is taken
CONFIG, CLEAN = FetchConfig(allow_private_addresses=True), CleanConfig()

OURS = "ours"
DEFAULTS = f"img2dataset's way, its defaults: one process, {THREADS} threads"
EQUAL = "img2dataset's way, a process per core, as many connections as ours"

Method = Callable[[str, Sequence[int], Path], None]
"""Fetches a server's images by number, and writes the resized ones into a folder."""


def ours(url: str, images: Sequence[int], out: Path) -> None:
    """Vitrina's stages clean and resize without Prefect: plan, fetch, resize, index, table."""
    texts = ["Платье"] * len(images)
    table = {"nm": images, "title": texts, "description": texts}
    table["photo"] = [f"{url}/{number}.jpg" for number in images]
    pq.write_table(pa.table(table), out / "catalog.parquet")
    folder = to_path(out)
    cleaned, _ = clean_catalog(folder / "catalog.parquet", Artifact(folder / "clean"), CLEAN)
    folders = ImageFolders(originals="", resized=str(folder), catalog=(str(folder),))
    schema = read_schema(to_path(cleaned.table))
    planner = ResizePlanner.make(folders, ResizeConfig(image_column="photo"), schema)
    planner = fetch_images(cleaned, planner, CONFIG, len(images))
    resize_catalog(cleaned, planner, Artifact(folder / "table"))


class Run(NamedTuple):
    """Seconds, and the numbers of the images that were kept."""

    seconds: float
    kept: set[int]


def run(method: Method, url: str, images: Sequence[int]) -> Run:
    """Fetch and resize into a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        method(url, images, Path(folder))
        seconds = time.perf_counter() - start
        # Ours adds a hash of the URL to the number.
        names = (path.stem.partition("-")[0] for path in Path(folder).glob("*.jpg"))
        return Run(seconds, set(map(int, names)))


def measure(methods: dict[str, Method], url: str, images: int, rounds: int) -> dict[str, list[Run]]:
    """Each method in each round, after a few images to warm up."""
    for method in methods.values():
        run(method, url, range(WARM))
    found: dict[str, list[Run]] = {name: [] for name in methods}
    for _ in range(rounds):
        for name, method in methods.items():
            one = run(method, url, range(images))
            print(f"{name:<68} {len(one.kept) / one.seconds:6.0f} images/s", flush=True)
            assert one.kept == whole_images(images), "another set of images"
            found[name].append(one)
    return found


def run_without_server(method: Method, photos: Path, images: int, after: float) -> Run:
    """A run in which the server is killed after some seconds, and back ``DOWN`` seconds later."""
    port = free_port()
    with photo_server(photos, port) as first, ExitStack() as second:
        back = Timer(after + DOWN, second.enter_context, [photo_server(photos, port)])
        for timer in (Timer(after, first.kill), back):
            timer.start()
        found = run(method, f"http://127.0.0.1:{port}", range(images))
        back.join()
        return found


def findings(found: dict[str, list[Run]], lost: dict[str, int], images: int) -> Findings:
    """Speed-ups, and the images that a killed server costs."""
    seconds = {name: [one.seconds for one in runs] for name, runs in found.items()}
    kept = len(whole_images(images))
    speed_ups = [
        Figure(
            name=f"speed-up over {name}", values=ratios(seconds[name], seconds[OURS]), at_least=1.0
        )
        for name in (DEFAULTS, EQUAL)
    ]
    losses = [
        Figure(
            name=f"images lost when the server is killed for {DOWN:.0f} s: {name}",
            values=(count,),
            unit="images",
            at_most=0 if name == OURS else None,
        )
        for name, count in lost.items()
    ]
    rates = {name: [kept / one for one in values] for name, values in seconds.items()}
    return Findings(
        workload=f"{images:,} photo-like JPEGs of 900 × 1,200 from an HTTP server on this machine, "
        "resized to fit 384 × 384 and written: 20 ms of latency, 1% of the images take 2 s, 2% are "
        f"missing, 2% always end in the middle. All variants keep the same {kept:,} images. Ours "
        "is the stages clean and resize without Prefect: table, plan, index and processed table.",
        figures=(*speed_ups, *losses),
        bars=(bars("Images fetched and resized", "images/s", rates),),
        rates={"fetched images per second": median(rates[OURS])},
    )


def main(
    images: int = 2_000, rounds: int = 3, img2dataset: str = "", json: Path | None = None
) -> None:
    """Print images per second of each variant, and what a killed server costs."""
    cores, connections = cpu_count(), CONFIG.per_host
    threads = connections // cores or 1
    methods: dict[str, Method] = {
        OURS: ours,
        DEFAULTS: Img2datasetWay(1, THREADS),
        EQUAL: Img2datasetWay(cores, threads),
    }
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        photos.mkdir()
        for seed in range(DISTINCT):
            (photos / f"{seed:02}.jpg").write_bytes(photo(seed))
        port = free_port()
        with photo_server(photos, port):
            url = f"http://127.0.0.1:{port}"
            found = measure(methods, url, images, rounds)
            for setting in ((1, THREADS), (cores, threads)) if img2dataset else ():
                package = run_package(
                    img2dataset, url, range(images), Path(folder) / f"{setting}", *setting
                )
                print(f"img2dataset itself, processes and threads {setting}: {package}")
        whole = whole_images(images)
        after = median(one.seconds for one in found[OURS]) / 3
        lost = {
            name: len(whole - run_without_server(methods[name], photos, images, after).kept)
            for name in (OURS, EQUAL)
        }
    result = findings(found, lost, images)
    print_figures(result)
    write_findings(result, json)


if __name__ == "__main__":
    tyro.cli(main)
