"""How img2dataset fetches and resizes: its way repeated here, and the package itself."""

import json
import multiprocessing
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import repeat
from multiprocessing.pool import ThreadPool
from pathlib import Path
from threading import Semaphore
from typing import NamedTuple

import cv2
import pandas as pd

from benchmarks.resize import QUALITY, SIDE, img2dataset_resize

THREADS, TIMEOUT = 256, 10.0  # its defaults
PACKAGE_RUN = """
import json, sys
from img2dataset import download
if __name__ == "__main__":
    download(**json.loads(sys.argv[1]))
"""


class Img2datasetWay:
    """Processes that wait for work as those of its pool do, each with as many threads."""

    def __init__(self, processes: int, threads: int) -> None:
        self.processes, self.threads = processes, threads
        self.pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))

    def __call__(self, url: str, images: Sequence[int], out: Path) -> None:
        """Each process has its part of the images."""
        parts = [images[number :: self.processes] for number in range(self.processes)]
        shared = (repeat(url), parts, repeat(out), repeat(self.threads))
        list(self.pool.map(fetch_shard, *shared))


def fetch_shard(url: str, images: Sequence[int], out: Path, threads: int) -> None:
    """One of its processes: threads fetch with urllib, the main one resizes and writes."""
    cv2.setNumThreads(1)
    room = Semaphore(2 * threads)

    def admitted() -> Iterator[int]:
        for number in images:
            room.acquire()
            yield number

    with ThreadPool(threads) as pool:
        for number, data in pool.imap_unordered(partial(fetch_image, url), admitted()):
            if data is not None:
                (out / f"{number}.jpg").write_bytes(img2dataset_resize(data))
            room.release()


def fetch_image(url: str, number: int) -> tuple[int, bytes | None]:
    """One of its threads: by default a single attempt, whose failure leaves the image out."""
    request = urllib.request.Request(f"{url}/{number}.jpg", headers={"User-Agent": "Mozilla/5.0"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            return number, response.read()
    except Exception:  # noqa: BLE001  # as the package does
        return number, None


class PackageRun(NamedTuple):
    """What the package itself reports: seconds of its slowest process, and images kept."""

    seconds: float
    kept: int


def run_package(
    python: str, url: str, images: Sequence[int], folder: Path, processes: int, threads: int
) -> PackageRun:
    """Run the package with another interpreter, which has it; without its start."""
    folder.mkdir()
    pd.DataFrame({"url": [f"{url}/{number}.jpg" for number in images]}).to_parquet(
        folder / "urls.parquet"
    )
    options = {
        "url_list": str(folder / "urls.parquet"),
        "input_format": "parquet",
        "output_folder": str(folder / "out"),
        "image_size": SIDE,
        "resize_mode": "keep_ratio_largest",
        "resize_only_if_bigger": True,
        "encode_quality": QUALITY,
        "processes_count": processes,
        "thread_count": threads,
        "number_sample_per_shard": -(-len(images) // processes),
    }
    command = [python, "-c", PACKAGE_RUN, json.dumps(options)]
    subprocess.run(command, check=True, capture_output=True)
    stats = [json.loads(path.read_text()) for path in (folder / "out").glob("*_stats.json")]
    start, end = min(one["start_time"] for one in stats), max(one["end_time"] for one in stats)
    return PackageRun(end - start, sum(one["successes"] for one in stats))
