"""What a second run costs: with nothing changed, and with one row in a hundred changed.

python -m benchmarks.again
python -m benchmarks.again --rows 200 --rounds 1

First the whole pipeline on the demo, twice: the tasks' own time of the second run over that of the
first. Then clean, resize and embed on photo-like JPEGs of 900 × 1,200, without Prefect: a first
run, an unchanged second one, and rounds in each of which a hundredth of the rows is changed (other
images, new rows, rows taken away). At the end all is made once more in an empty store and
compared. The model is the tiny one, so embed is a small part here; imports are made before.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import simplejpeg
import tyro

from benchmarks.photos import SIZE, photo
from benchmarks.results import Figure, Findings, bars, keep, show
from benchmarks.stopwatch import Timed, run_pipeline
from tasks.clean import clean
from tasks.embed import embed
from tasks.orchestration.stage import StageClock
from tasks.resize import resize
from vitrina.config import CleanConfig, EmbedConfig, ResizeConfig, RunOptions
from vitrina.images.resize_catalog import ImageFolders, resized_folder
from vitrina.model.folder import folder_fingerprint
from vitrina.model.tiny import make_tiny
from vitrina.model.tokenize import TEMPLATES
from vitrina.results import EmbedResult, ModelResult, ResizeResult
from vitrina.store.artifacts import Store
from vitrina.store.paths import to_path

DIFFERENT = 12  # images drawn; a patch of its own makes each row's another
PATCH = 300  # pixels
CHANGED = 0.01
MOST = 0.05  # of the first run, for each kind of second run


@dataclass
class Shop:
    """A catalogue with a photo-like image per row, and how to change it."""

    folder: Path
    ids: list[int]
    random: np.random.Generator
    drawn: list[np.ndarray] = field(default_factory=list)

    @classmethod
    def make(cls, folder: Path, rows: int) -> "Shop":
        """Write images and table."""
        shop = cls(folder, list(range(rows)), np.random.default_rng(0))
        shop.drawn = [simplejpeg.decode_jpeg(photo(seed)) for seed in range(DIFFERENT)]
        (folder / "images").mkdir(parents=True)
        for nm in shop.ids:
            shop.paint(nm)
        shop.write()
        return shop

    def paint(self, nm: int) -> None:
        """An image that no row had before."""
        pixels = self.drawn[nm % DIFFERENT].copy()
        left, top = self.random.integers(0, np.array(SIZE) - PATCH)
        pixels[top : top + PATCH, left : left + PATCH] = self.random.integers(0, 256, 3)
        (self.folder / "images" / f"{nm}.jpg").write_bytes(simplejpeg.encode_jpeg(pixels, 88))

    def write(self) -> None:
        """The table of the present rows."""
        titles = [f"Платье женское летнее, артикул {nm}" for nm in self.ids]
        table = pd.DataFrame({"nm": self.ids, "title": titles, "description": titles})
        table.to_parquet(self.folder / "catalog.parquet")

    def change(self, rows: int) -> None:
        """So many rows changed: a third repainted, a third new, a third gone."""
        repainted = max(1, rows - 2 * (rows // 3))
        touched = self.random.choice(self.ids, repainted + rows // 3, replace=False).tolist()
        for nm in touched[:repainted]:
            self.paint(nm)
        gone = set(touched[repainted:])
        new = range(max(self.ids) + 1, max(self.ids) + 1 + rows // 3)
        for nm in new:
            self.paint(nm)
        self.ids = [nm for nm in self.ids if nm not in gone] + list(new)
        self.write()


@dataclass(frozen=True)
class Ran:
    """Seconds of each stage, and the results of the last two."""

    seconds: dict[str, float]
    resized: ResizeResult
    embedded: EmbedResult

    @property
    def work(self) -> float:
        """Seconds of resize and embed."""
        return self.seconds["resize"] + self.seconds["embed"]


def run_stages(shop: Path, model: ModelResult, output: Path) -> Ran:
    """Clean, resize and embed as the tasks do, found or made, without Prefect around them."""
    store, config, options = Store(root=str(output)), ResizeConfig(), RunOptions()
    originals, clock = str(shop / "images"), StageClock()
    catalog = str(shop / "catalog.parquet")
    cleaned = clock.run(clean.fn, catalog, store, CleanConfig(), options).result
    folders = ImageFolders(
        originals=originals, resized=resized_folder(store.root, originals, config)
    )
    resized = clock.run(resize.fn, cleaned, folders, store, config, options).result
    settings = EmbedConfig(device="cpu")
    embedded = clock.run(embed.fn, resized.table, model, store, settings, options).result
    return Ran(clock.seconds, resized, embedded)


@dataclass(frozen=True)
class Rounds:
    """The first run, unchanged ones, changed ones, and how far the last one is from a full run."""

    first: Ran
    unchanged: list[Ran]
    changed: list[Ran]
    full: Ran
    difference: float


def measure(folder: Path, rows: int, rounds: int) -> Rounds:
    """All runs, after a small one that loads what they need."""
    make_tiny(["Платье женское летнее, артикул 0123456789", *TEMPLATES], folder / "tiny")
    place = to_path(folder / "tiny")
    model = ModelResult(folder=str(place), fingerprint=folder_fingerprint(place))
    Shop.make(folder / "warm", 4)
    run_stages(folder / "warm", model, folder / "warm-output")
    shop, output = Shop.make(folder / "shop", rows), folder / "output"
    first = run_stages(shop.folder, model, output)
    unchanged, changed = [], []
    for _ in range(rounds):
        unchanged.append(run_stages(shop.folder, model, output))
        shop.change(max(3, round(CHANGED * rows)))
        changed.append(run_stages(shop.folder, model, output))
    full = run_stages(shop.folder, model, folder / "full")
    return Rounds(first, unchanged, changed, full, difference(changed[-1], full))


def difference(one: Ran, other: Ran) -> float:
    """The largest of the vectors' differences; ids, texts and images must be the same."""
    if one.resized.table.fingerprint != other.resized.table.fingerprint:
        raise RuntimeError("the processed table of changed rows is not that of a full run")
    with np.load(one.embedded.npz) as mine, np.load(other.embedded.npz) as whole:
        if not np.array_equal(mine["nm"], whole["nm"]):
            raise RuntimeError("the embedding of changed rows has not the rows of a full run")
        return max(float(np.abs(mine[name] - whole[name]).max()) for name in ("text", "img"))


def findings(demo: tuple[Timed, Timed], found: Rounds, rows: int) -> Findings:
    """The second runs over the first ones."""
    first, second = demo
    share = [
        Figure(
            name=f"{words}: resize + embed over the first run",
            values=tuple(run.work / found.first.work for run in runs),
            unit="of the first",
            at_most=MOST,
        )
        for words, runs in (("unchanged", found.unchanged), ("1 % changed", found.changed))
    ]
    whole = Figure(
        name="demo, whole pipeline unchanged: the tasks' time over the first run's",
        values=(second.work / first.work,),
        unit="of the first",
        at_most=MOST,
    )
    equal = Figure(
        name="1 % changed: largest difference of the vectors to a full run's",
        values=(found.difference,),
        unit="",
        at_most=1e-5,
    )
    runs = {
        "first": [found.first],
        "unchanged": found.unchanged,
        "1 % changed": found.changed,
    }
    return Findings(
        load="The demo with flows/demo.yaml, twice. Then "
        f"{rows:,} rows with JPEGs of 900 × 1,200, clean, resize and embed with the tiny model.",
        figures=(whole, *share, equal),
        bars=tuple(
            bars(
                f"Seconds of {stage}, less is better",
                "s",
                {name: [run.seconds[stage] for run in some] for name, some in runs.items()},
            )
            for stage in ("resize", "embed")
        ),
        rates={"first run, seconds of resize and embed": found.first.work},
        notes=(
            f"The demo's tasks took {first.work:.1f} s, then {second.work:.2f} s. Beside them the "
            f"second command took {second.overhead:.1f} s: Python, imports and Prefect.",
            "The tiny model embeds some thousand rows a second. A full-size one takes longer in "
            "the first run, so the share of a second run is smaller with it.",
        ),
    )


def main(
    rows: int = 2_000,
    rounds: int = 3,
    products: int = 0,
    epochs: int = 0,
    json: Path | None = None,
) -> None:
    """Print the seconds of each run and what part of the first it is.

    ``products`` and ``epochs`` make the demo smaller; 0 is what flows/demo.yaml says.
    """
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        arguments = ["--output", str(Path(scratch) / "output")]
        for option, value in (("demo_products", products), ("train.num_epochs", epochs)):
            arguments += [f"--{option}", str(value)] if value else []
        runs = [run_pipeline(arguments, Path(scratch) / "prefect") for _ in range(2)]
    for run in runs:
        print(f"demo: {run.work:.2f} s of work, {run.overhead:.1f} s beside it", flush=True)
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        found = measure(Path(scratch), rows, rounds)
    for name, some in (
        ("first", [found.first]),
        ("unchanged", found.unchanged),
        ("1 % changed", found.changed),
        ("full", [found.full]),
    ):
        seconds = {stage: median(run.seconds[stage] for run in some) for stage in some[0].seconds}
        print(f"{name:<12}", "  ".join(f"{stage} {one:.3f} s" for stage, one in seconds.items()))
    result = findings((runs[0], runs[1]), found, rows)
    show(result)
    keep(result, json)


if __name__ == "__main__":
    tyro.cli(main)
