"""Resizing photo-like JPEGs of 900 × 1,200 to fit 384 × 384, from file to file.

python -m benchmarks.resize
python -m benchmarks.resize --images 400 --rounds 5

The baseline is what the original script does, one image after another: full decode with OpenCV,
thumbnail with Pillow. img2dataset cannot be installed beside Vitrina's pins, so the method of its
Resizer (OpenCV's full decode, INTER_AREA, imencode) is repeated here. Variants marked as threaded
use as many threads as ours. The limit is what any way must do at least, from memory to memory:
libjpeg-turbo's scaled decode, the resampling and libjpeg-turbo's encode. Ours is the whole stage:
listing, planning, reading, checking, writing, index, table. The variants take turns.

Each round writes to new folders, and nothing is removed before the end: ext4 reuses no inode that
was freed within the last seconds and looks past each of them for every file that is created, which
made a file cost ten times as much.
"""

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
import simplejpeg
import torch
import tyro
from PIL import Image
from skimage.metrics import structural_similarity
from torch.nn.functional import interpolate

from benchmarks.photos import photo
from benchmarks.results import Figure, Findings, bars, ratios, write_findings
from vitrina.catalog.cleaning import clean_catalog
from vitrina.catalog.parquet_batches import read_schema
from vitrina.config.catalog import CleanConfig
from vitrina.config.images import ResizeConfig
from vitrina.execution.cpu_count import cpu_count
from vitrina.images.decode_image import decoding_scale, fitted_size
from vitrina.images.image_folders import ImageFolders
from vitrina.images.resize_catalog import resize_catalog
from vitrina.images.resize_plan import ResizePlanner
from vitrina.results import CleanResult
from vitrina.store.artifacts import Artifact
from vitrina.store.paths import to_path

SIDE, QUALITY = 384, ResizeConfig().quality
DISTINCT = 12  # images that are drawn; the others are copies of them

Method = Callable[[Path, Path], None]  # from one image file to another


def original(source: Path, target: Path) -> None:
    """What the original script does, with its swapped colours corrected."""
    pixels = cv2.cvtColor(cv2.imread(str(source)), cv2.COLOR_BGR2RGB)
    image = Image.fromarray(pixels)
    image.thumbnail((SIDE, SIDE))
    image.save(target, quality=QUALITY, subsampling=0)


def pillow(source: Path, target: Path) -> None:
    """Pillow alone, with a full decode."""
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
    """libvips' own thumbnails, with scaled decoding."""
    small = pyvips.Image.thumbnail(str(source), SIDE, height=SIDE)
    small.jpegsave(str(target), Q=QUALITY, subsample_mode="off")


def img2dataset(source: Path, target: Path) -> None:
    """img2dataset's Resizer, from file to file."""
    target.write_bytes(img2dataset_resize(source.read_bytes()))


def img2dataset_resize(data: bytes) -> bytes:
    """What img2dataset's Resizer does in its keep_ratio_largest mode."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, *sampling]
    jpeg: bytes = cv2.imencode(".jpg", small, options)[1].tobytes()
    return jpeg


def limit(data: bytes) -> bytes:
    """The three calls that make the resized image, with nothing around them."""
    height, width, _, _ = simplejpeg.decode_jpeg_header(data)
    fitted = fitted_size((width, height), (SIDE, SIDE))
    scale = decoding_scale((width, height), fitted)
    pixels = simplejpeg.decode_jpeg(
        data, "RGB", min_height=-(-height // scale), min_width=-(-width // scale)
    )
    batch = torch.from_numpy(pixels).unsqueeze(0).permute(0, 3, 1, 2)
    small = interpolate(batch, size=fitted[::-1], mode="bicubic", antialias=True)
    rows = np.ascontiguousarray(small.permute(0, 2, 3, 1)[0].numpy())
    jpeg: bytes = simplejpeg.encode_jpeg(rows, QUALITY, colorsubsampling="444")
    return jpeg


def full_lanczos(source: Path) -> Image.Image:
    """The reference for SSIM: a full decode and Lanczos, not encoded again."""
    with Image.open(source) as image:
        scale = SIDE / max(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)


@dataclass(frozen=True)
class Catalog:
    """A folder of images, and the cleaned table of them."""

    folder: Path
    cleaned: CleanResult
    contents: list[bytes]  # of the images, in their order

    @classmethod
    def make(cls, folder: Path, images: int) -> Self:
        """Write the images and clean the table."""
        drawn = [photo(seed) for seed in range(DISTINCT)]
        (folder / "images").mkdir(parents=True)
        for nm in range(images):
            (folder / "images" / f"{nm}.jpg").write_bytes(drawn[nm % DISTINCT])
        texts = ["Платье"] * images
        table = pd.DataFrame({"nm": range(images), "title": texts, "description": texts})
        table.to_parquet(folder / "catalog.parquet")
        table_path, artifact = (
            to_path(folder / "catalog.parquet"),
            Artifact(to_path(folder / "clean")),
        )
        cleaned, _ = clean_catalog(table_path, artifact, CleanConfig())
        return cls(folder, cleaned, [drawn[nm % DISTINCT] for nm in range(images)])

    def sources(self) -> list[Path]:
        """The images, one per row."""
        return [self.folder / "images" / f"{nm}.jpg" for nm in range(self.cleaned.rows_kept)]


def one_by_one(method: Method, catalog: Catalog, out: Path) -> None:
    """Resize without threads."""
    for source in catalog.sources():
        method(source, out / source.name)


def in_threads(method: Method, catalog: Catalog, out: Path) -> None:
    """Resize in one thread per core."""
    with ThreadPoolExecutor(cpu_count()) as pool:
        list(pool.map(lambda source: method(source, out / source.name), catalog.sources()))


def from_memory(catalog: Catalog, out: Path) -> None:
    """The limit in one thread per core; only a few images are written, to be compared."""
    with ThreadPoolExecutor(cpu_count()) as pool:
        made = list(pool.map(limit, catalog.contents))
    for source, jpeg in zip(catalog.sources()[:DISTINCT], made, strict=False):
        (out / source.name).write_bytes(jpeg)


def ours(catalog: Catalog, out: Path) -> None:
    """The resize stage without Prefect."""
    folders = ImageFolders(originals=str(catalog.folder / "images"), resized=str(out))
    schema = read_schema(to_path(catalog.cleaned.table))
    planner = ResizePlanner.make(folders, ResizeConfig(), schema)
    artifact = Artifact(to_path(out / "table"))
    result, _ = resize_catalog(catalog.cleaned, planner, artifact)
    assert result.images_resized == catalog.cleaned.rows_kept


BASELINE = "baseline: OpenCV full decode + Pillow"
IMG2DATASET = "img2dataset's method, threaded"
VIPS = "pyvips thumbnail, threaded"
LIMIT = "the limit: decode, resample, encode"
OURS = "ours"

VARIANTS: dict[str, Callable[[Catalog, Path], None]] = {
    BASELINE: partial(one_by_one, original),
    "Pillow full decode": partial(one_by_one, pillow),
    "baseline, threaded": partial(in_threads, original),
    IMG2DATASET: partial(in_threads, img2dataset),
    "Pillow draft + Lanczos, threaded": partial(in_threads, pillow_draft),
    VIPS: partial(in_threads, vips),
    LIMIT: from_memory,
    OURS: ours,
}


def similarity(catalog: Catalog, out: Path) -> float:
    """The lowest SSIM of a variant's images to a full decode with Lanczos."""
    found: list[float] = []
    for source in catalog.sources()[:DISTINCT]:
        reference = np.asarray(full_lanczos(source))
        with Image.open(out / source.name) as image:
            found.append(structural_similarity(np.asarray(image), reference, channel_axis=2))
    return min(found)


@dataclass(frozen=True)
class Measured:
    """Wall and CPU seconds of each round, and the lowest SSIM and mean bytes of the images."""

    seconds: list[float]
    cpu: list[float]
    ssim: float
    size: float


def measure(folder: Path, images: int, rounds: int) -> dict[str, Measured]:
    """Measure each variant in each round, after a small round to warm up."""
    warm, catalog = Catalog.make(folder / "warm", 2), Catalog.make(folder / "catalog", images)
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    cpu: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for number in range(rounds + 1):
        for name, variant in VARIANTS.items():
            out = _output_folder(folder, name, number)
            out.mkdir(parents=True)
            start, start_cpu = time.perf_counter(), time.process_time()
            variant(catalog if number else warm, out)
            if number:
                seconds[name].append(time.perf_counter() - start)
                cpu[name].append(time.process_time() - start_cpu)
    return {
        name: Measured(
            seconds[name],
            cpu[name],
            similarity(catalog, _output_folder(folder, name, rounds)),
            mean_size(_output_folder(folder, name, rounds)),
        )
        for name in VARIANTS
    }


def _output_folder(folder: Path, variant: str, number: int) -> Path:
    """Where a variant writes in a round; 0 is the one that warms up."""
    return folder / str(number) / variant


def mean_size(folder: Path) -> float:
    """The mean size of the folder's JPEGs in bytes."""
    return mean(path.stat().st_size for path in folder.glob("*.jpg"))


def findings(variants: dict[str, Measured], images: int, source_size: float) -> Findings:
    """The speed-up of ours over others, and its similarity to a full decode."""
    own = variants[OURS]
    goals = {BASELINE: 5.0, VIPS: 1.0, IMG2DATASET: 1.0}
    speed_ups = [
        Figure(
            name=f"speed-up over {'the ' if name == BASELINE else ''}{name}",
            values=ratios(variants[name].seconds, own.seconds),
            at_least=goal,
        )
        for name, goal in goals.items()
    ]
    of_limit = Figure(
        name="share of the limit",
        values=ratios(variants[LIMIT].seconds, own.seconds),
        unit="",
        at_least=0.85,
    )
    ssim = Figure(
        name="lowest SSIM to a full decode with Lanczos",
        values=(own.ssim,),
        unit="",
        at_least=0.98,
    )
    rates = {
        name: [images / seconds for seconds in found.seconds] for name, found in variants.items()
    }
    return Findings(
        workload=f"{images} photo-like JPEGs of 900 × 1,200 to {SIDE} × {SIDE} at quality "
        f"{QUALITY}, from file to file. Ours is the whole stage: listing, planning, index, table.",
        figures=(*speed_ups, of_limit, ssim),
        bars=(bars("Images resized", "images/s", rates),),
        rates={
            "images per second": median(rates[OURS]),
            "bytes of an image": source_size,
            "bytes of a resized image": own.size,
        },
    )


def main(images: int = 600, rounds: int = 5, json: Path | None = None) -> None:
    """Print images per second, speed-up over the baseline, CPU time and SSIM."""
    cv2.setNumThreads(1)
    pyvips.cache_set_max(0)
    with tempfile.TemporaryDirectory() as folder:
        variants = measure(Path(folder), images, rounds)
        source_size = mean_size(Path(folder) / "catalog" / "images")
    print(f"{images} JPEGs of 900 × 1,200 to {SIDE} × {SIDE}, {rounds} rounds, {cpu_count()} cores")
    print(f"{'':<38}  images/s  speed-up (range)        CPU ms/image  lowest SSIM")
    baseline_seconds = next(iter(variants.values())).seconds
    for name, found in variants.items():
        ratios = [base / own for base, own in zip(baseline_seconds, found.seconds, strict=True)]
        print(
            f"{name:<38} {images / median(found.seconds):10.0f}  {median(ratios):5.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}) "
            f"{1000 * median(found.cpu) / images:18.2f} {found.ssim:11.4f}"
        )
    write_findings(findings(variants, images, source_size), json)


if __name__ == "__main__":
    tyro.cli(main)
