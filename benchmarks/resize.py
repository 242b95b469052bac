"""Resizing photo-like JPEGs of 900 × 1,200 to fit 384 × 384, from file to file, every way in turn.

python -m benchmarks.resize
python -m benchmarks.resize --images 400 --rounds 5

Plain is what the seed's script does: OpenCV decodes in full, Pillow makes a thumbnail, one image
after another. img2dataset does not install beside Vitrina's pins; its Resizer's way (OpenCV's full
decode, INTER_AREA, imencode) is written out here. Every other way runs in as many threads as ours.
Ours is the whole stage: listing, planning, index, table.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Self

import cv2
import numpy as np
import pandas as pd
import pyvips
import tyro
from PIL import Image
from skimage.metrics import structural_similarity

from benchmarks.machine import cores
from benchmarks.photos import photo
from benchmarks.results import Figure, Findings, bars, keep, ratios
from vitrina.catalog.cleaning import clean_catalog
from vitrina.config import CleanConfig, ResizeConfig
from vitrina.images.resize_catalog import resize_catalog
from vitrina.images.resize_plan import ResizePlanner
from vitrina.results import CleanResult
from vitrina.store.artifacts import Artifact
from vitrina.store.paths import to_path

SIDE, QUALITY = 384, ResizeConfig().quality
DIFFERENT = 12  # images drawn; the rest repeat them

Way = Callable[[Path, Path], None]


def plain(source: Path, target: Path) -> None:
    """The seed document's way, with its colours in the right order."""
    pixels = cv2.cvtColor(cv2.imread(str(source)), cv2.COLOR_BGR2RGB)
    image = Image.fromarray(pixels)
    image.thumbnail((SIDE, SIDE))
    image.save(target, quality=QUALITY, subsampling=0)


def pillow(source: Path, target: Path) -> None:
    """Pillow alone, decoding in full."""
    with Image.open(source) as image:
        small = image.convert("RGB")
        small.thumbnail((SIDE, SIDE), reducing_gap=None)
        small.save(target, quality=QUALITY, subsampling=0)


def pillow_draft(source: Path, target: Path) -> None:
    """Pillow with the JPEG library's scaled decoding."""
    with Image.open(source) as image:
        image.draft("RGB", (SIDE, SIDE))
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        image.save(target, quality=QUALITY, subsampling=0)


def vips(source: Path, target: Path) -> None:
    """libvips' own way to thumbnails, scaled decoding included."""
    small = pyvips.Image.thumbnail(str(source), SIDE, height=SIDE)
    small.jpegsave(str(target), Q=QUALITY, subsample_mode="off")


def img2dataset(source: Path, target: Path) -> None:
    """What img2dataset's Resizer does in its keep_ratio_largest mode."""
    pixels = cv2.imdecode(np.frombuffer(source.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, *sampling]
    target.write_bytes(cv2.imencode(".jpg", small, options)[1].tobytes())


def full_lanczos(source: Path) -> Image.Image:
    """What all are compared with: a full decode and Lanczos, not encoded again."""
    with Image.open(source) as image:
        scale = SIDE / max(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)


@dataclass(frozen=True)
class Shop:
    """Images, a cleaned table of them, and a folder to write to."""

    folder: Path
    cleaned: CleanResult

    @classmethod
    def make(cls, folder: Path, images: int) -> Self:
        """Write the images and clean the table."""
        drawn = [photo(seed) for seed in range(DIFFERENT)]
        (folder / "images").mkdir(parents=True)
        for nm in range(images):
            (folder / "images" / f"{nm}.jpg").write_bytes(drawn[nm % DIFFERENT])
        texts = ["Платье"] * images
        table = pd.DataFrame({"nm": range(images), "title": texts, "description": texts})
        table.to_parquet(folder / "catalog.parquet")
        catalog, artifact = (
            to_path(folder / "catalog.parquet"),
            Artifact(to_path(folder / "clean")),
        )
        return cls(folder, clean_catalog(catalog, artifact, CleanConfig())[0])

    def sources(self) -> list[Path]:
        """The images, one per row."""
        return [self.folder / "images" / f"{nm}.jpg" for nm in range(self.cleaned.rows_kept)]


def one_after_another(way: Way, shop: Shop, out: Path) -> None:
    """Resize with no threads."""
    for source in shop.sources():
        way(source, out / source.name)


def in_threads(way: Way, shop: Shop, out: Path) -> None:
    """Resize in a thread per core."""
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(lambda source: way(source, out / source.name), shop.sources()))


def ours(shop: Shop, out: Path) -> None:
    """The resize stage without Prefect."""
    survey = ResizePlanner.make(to_path(shop.folder / "images"), to_path(out), ResizeConfig())
    artifact = Artifact(to_path(out / "table"))
    result, _ = resize_catalog(shop.cleaned, survey, artifact)
    assert result.images_resized == shop.cleaned.rows_kept


PLAIN = "plain: OpenCV full + Pillow"
IMG2DATASET = "img2dataset's way, in threads"
VIPS = "pyvips thumbnail, in threads"
OURS = "ours"

WAYS: dict[str, Callable[[Shop, Path], None]] = {
    PLAIN: partial(one_after_another, plain),
    "Pillow full": partial(one_after_another, pillow),
    "plain, in threads": partial(in_threads, plain),
    IMG2DATASET: partial(in_threads, img2dataset),
    "Pillow draft + Lanczos, in threads": partial(in_threads, pillow_draft),
    VIPS: partial(in_threads, vips),
    OURS: ours,
}


def similarity(shop: Shop, out: Path) -> float:
    """The lowest SSIM of a way's images to a full decode with Lanczos."""
    found: list[float] = []
    for source in shop.sources()[:DIFFERENT]:
        reference = np.asarray(full_lanczos(source))
        with Image.open(out / source.name) as image:
            found.append(structural_similarity(np.asarray(image), reference, channel_axis=2))
    return min(found)


@dataclass(frozen=True)
class Found:
    """Of one way: seconds of each round, CPU seconds of all its threads, and of its images the
    least SSIM and the bytes.
    """

    seconds: list[float]
    cpu: list[float]
    ssim: float
    size: float


def measure(folder: Path, images: int, rounds: int) -> dict[str, Found]:
    """Every way in every round, after a small round to warm up."""
    warm, shop = Shop.make(folder / "warm", 2), Shop.make(folder / "shop", images)
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    cpu: dict[str, list[float]] = {name: [] for name in WAYS}
    for turn in range(rounds + 1):
        for name, way in WAYS.items():
            out = folder / name
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            start, start_cpu = time.perf_counter(), time.process_time()
            way(shop if turn else warm, out)
            if turn:
                seconds[name].append(time.perf_counter() - start)
                cpu[name].append(time.process_time() - start_cpu)
    return {
        name: Found(
            seconds[name],
            cpu[name],
            similarity(shop, folder / name),
            mean_size(folder / name),
        )
        for name in WAYS
    }


def mean_size(folder: Path) -> float:
    """Bytes of the folder's JPEGs."""
    return mean(path.stat().st_size for path in folder.glob("*.jpg"))


def findings(ways: dict[str, Found], images: int, source_size: float) -> Findings:
    """Ours against the others, and how near to a full decode it is."""
    own = ways[OURS]
    limits = {PLAIN: 5.0, VIPS: 1.0, IMG2DATASET: 1.0}
    against = [
        Figure(name=f"ours to {name}", values=ratios(ways[name].seconds, own.seconds), at_least=one)
        for name, one in limits.items()
    ]
    likeness = Figure(
        name="least SSIM of ours to a full decode with Lanczos",
        values=(own.ssim,),
        unit="",
        at_least=0.98,
    )
    rates = {name: [images / seconds for seconds in found.seconds] for name, found in ways.items()}
    return Findings(
        load=f"{images} photo-like JPEGs of 900 × 1,200 to {SIDE} × {SIDE} at quality {QUALITY}, "
        "from file to file. Ours is the whole stage: listing, planning, index, table.",
        figures=(*against, likeness),
        bars=(bars("Images resized", "images/s", rates),),
        rates={
            "images per second": median(rates[OURS]),
            "bytes of an image": source_size,
            "bytes of a resized image": own.size,
        },
    )


def main(images: int = 240, rounds: int = 5, json: Path | None = None) -> None:
    """Print images per second, how many times the plain way's that is, CPU time and SSIM."""
    cv2.setNumThreads(1)
    pyvips.cache_set_max(0)
    with tempfile.TemporaryDirectory() as folder:
        ways = measure(Path(folder), images, rounds)
        source_size = mean_size(Path(folder) / "shop" / "images")
    print(f"{images} JPEGs of 900 × 1,200 to {SIDE} × {SIDE}, {rounds} rounds, {cores()} cores")
    print(f"{'':<34} images/s  times plain (spread)    CPU ms/image  least SSIM")
    plain_seconds = next(iter(ways.values())).seconds
    for name, found in ways.items():
        ratios = [base / own for base, own in zip(plain_seconds, found.seconds, strict=True)]
        print(
            f"{name:<34} {images / median(found.seconds):10.0f}  {median(ratios):5.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}) "
            f"{1000 * median(found.cpu) / images:18.2f} {found.ssim:11.4f}"
        )
    keep(findings(ways, images, source_size), json)


if __name__ == "__main__":
    tyro.cli(main)
