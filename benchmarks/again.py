"""The cost of a second run: with nothing changed, and with 1% of the rows changed.

python -m benchmarks.again
python -m benchmarks.again --rows 200 --rounds 1

First the whole pipeline on the demo, twice: the time of its tasks in the second run, relative to
the first. Then clean, resize and embed on photo-like JPEGs of 900 × 1,200, without Prefect: a first
run, and rounds of a run with nothing changed and a run after 1% of the rows changed (new images,
new rows, removed rows). At the end, a full run in an empty store must give the same result. The
model is tiny, so embed is a small part here. A small run before all others imports all modules.
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
from benchmarks.results import Figure, Findings, bars, print_figures, write_findings
from benchmarks.stopwatch import PipelineTiming, run_pipeline
from tasks.clean import clean
from tasks.embed import embed
from tasks.orchestration.stage import StageClock
from tasks.resize import resize
from vitrina.config.catalog import CleanConfig
from vitrina.config.embedding import EmbedConfig
from vitrina.config.images import ResizeConfig
from vitrina.config.run_options import RunOptions
from vitrina.images.image_folders import ImageFolders, resized_folder
from vitrina.model.folder import folder_fingerprint
from vitrina.model.tiny import make_tiny
from vitrina.model.tokenize import TEMPLATES
from vitrina.results import EmbedResult, ModelResult, ResizeResult
from vitrina.store.artifacts import Store
from vitrina.store.paths import to_path

DISTINCT = 12  # images that are drawn; a coloured patch makes each row's image unique
PATCH = 300  # pixels
CHANGED = 0.01
GOAL = 0.05  # of the first run's time


@dataclass
class Catalog:
    """A catalogue with a photo-like image per row, which can be changed."""

    folder: Path
    ids: list[int]
    random: np.random.Generator
    drawn: list[np.ndarray] = field(default_factory=list)

    @classmethod
    def make(cls, folder: Path, rows: int) -> "Catalog":
        """Write the images and the table."""
        catalog = cls(folder, list(range(rows)), np.random.default_rng(0))
        catalog.drawn = [simplejpeg.decode_jpeg(photo(seed)) for seed in range(DISTINCT)]
        (folder / "images").mkdir(parents=True)
        for nm in catalog.ids:
            catalog.paint(nm)
        catalog.write()
        return catalog

    def paint(self, nm: int) -> None:
        """Write an image that no row had before."""
        pixels = self.drawn[nm % DISTINCT].copy()
        left, top = self.random.integers(0, np.array(SIZE) - PATCH)
        pixels[top : top + PATCH, left : left + PATCH] = self.random.integers(0, 256, 3)
        (self.folder / "images" / f"{nm}.jpg").write_bytes(simplejpeg.encode_jpeg(pixels, 88))

    def write(self) -> None:
        """Write the table of the current rows."""
        titles = [f"Платье женское летнее, артикул {nm}" for nm in self.ids]
        table = pd.DataFrame({"nm": self.ids, "title": titles, "description": titles})
        table.to_parquet(self.folder / "catalog.parquet")

    def change(self, rows: int) -> None:
        """Change ``rows`` rows: a third get a new image, a third are new, a third are removed."""
        repainted = max(1, rows - 2 * (rows // 3))
        touched = self.random.choice(self.ids, repainted + rows // 3, replace=False).tolist()
        for nm in touched[:repainted]:
            self.paint(nm)
        removed = set(touched[repainted:])
        new = range(max(self.ids) + 1, max(self.ids) + 1 + rows // 3)
        for nm in new:
            self.paint(nm)
        self.ids = [nm for nm in self.ids if nm not in removed] + list(new)
        self.write()


@dataclass(frozen=True)
class StageRun:
    """The seconds of each stage, and the results of resize and embed."""

    seconds: dict[str, float]
    resized: ResizeResult
    embedded: EmbedResult

    @property
    def work(self) -> float:
        """Seconds of resize and embed."""
        return self.seconds["resize"] + self.seconds["embed"]


def run_stages(folder: Path, model: ModelResult, output: Path) -> StageRun:
    """Clean, resize and embed with the tasks' functions and store, without Prefect."""
    store, config, options = Store(root=str(output)), ResizeConfig(), RunOptions()
    originals, clock = str(folder / "images"), StageClock()
    catalog = str(folder / "catalog.parquet")
    cleaned = clock.run(clean.fn, catalog, store, CleanConfig(), options).result
    folders = ImageFolders(
        originals=originals, resized=resized_folder(store.root, originals, config)
    )
    resized = clock.run(resize.fn, cleaned, folders, store, config, options).result
    settings = EmbedConfig(device="cpu")
    embedded = clock.run(embed.fn, resized.table, model, store, settings, options).result
    return StageRun(clock.seconds, resized, embedded)


@dataclass(frozen=True)
class Rounds:
    """All runs, and the largest difference of the last changed one from a full run."""

    first: StageRun
    unchanged: list[StageRun]
    changed: list[StageRun]
    full: StageRun
    difference: float


def measure(folder: Path, rows: int, rounds: int) -> Rounds:
    """Make all runs, after a small one that imports all modules."""
    make_tiny(["Платье женское летнее, артикул 0123456789", *TEMPLATES], folder / "tiny")
    tiny = to_path(folder / "tiny")
    model = ModelResult(folder=str(tiny), fingerprint=folder_fingerprint(tiny))
    Catalog.make(folder / "warm", 4)
    run_stages(folder / "warm", model, folder / "warm-output")
    catalog, output = Catalog.make(folder / "catalog", rows), folder / "output"
    first = run_stages(catalog.folder, model, output)
    unchanged, changed = [], []
    for _ in range(rounds):
        unchanged.append(run_stages(catalog.folder, model, output))
        catalog.change(max(3, round(CHANGED * rows)))
        changed.append(run_stages(catalog.folder, model, output))
    full = run_stages(catalog.folder, model, folder / "full")
    return Rounds(first, unchanged, changed, full, difference(changed[-1], full))


def difference(one: StageRun, other: StageRun) -> float:
    """The largest difference of the vectors. Raises RuntimeError unless all else is the same."""
    if one.resized.table.fingerprint != other.resized.table.fingerprint:
        raise RuntimeError("the processed table after changes differs from that of a full run")
    with np.load(one.embedded.npz) as changed, np.load(other.embedded.npz) as full:
        if not np.array_equal(changed["nm"], full["nm"]):
            raise RuntimeError("the embedding after changes has other rows than that of a full run")
        return max(float(np.abs(changed[name] - full[name]).max()) for name in ("text", "img"))


def findings(demo: tuple[PipelineTiming, PipelineTiming], found: Rounds, rows: int) -> Findings:
    """The second runs relative to the first ones."""
    first, second = demo
    stages = [
        Figure(
            name=f"{label}: time of resize + embed",
            values=tuple(run.work / found.first.work for run in runs),
            unit="of the first run",
            at_most=GOAL,
        )
        for label, runs in (("nothing changed", found.unchanged), ("1% changed", found.changed))
    ]
    pipeline = Figure(
        name="demo, nothing changed: time of the tasks",
        values=(second.work / first.work,),
        unit="of the first run",
        at_most=GOAL,
    )
    equal = Figure(
        name="1% changed: largest difference of the vectors from a full run",
        values=(found.difference,),
        unit="",
        at_most=1e-5,
    )
    runs = {
        "first run": [found.first],
        "nothing changed": found.unchanged,
        "1% changed": found.changed,
    }
    return Findings(
        workload="The demo with flows/demo.yaml, twice. Then "
        f"{rows:,} rows with JPEGs of 900 × 1,200: clean, resize and embed with the tiny model.",
        figures=(pipeline, *stages, equal),
        bars=tuple(
            bars(
                f"Time of {stage}, lower is better",
                "s",
                {name: [run.seconds[stage] for run in timed] for name, timed in runs.items()},
            )
            for stage in ("resize", "embed")
        ),
        rates={"first run, seconds of resize and embed": found.first.work},
        notes=(
            f"The demo's tasks took {first.work:.1f} s, then {second.work:.2f} s. On top of that, "
            f"the second command took {second.overhead:.1f} s for Python, imports and Prefect.",
            "The tiny model embeds about a thousand rows per second. A full-size model takes "
            "longer in the first run, so its second run is a smaller share.",
        ),
    )


def main(
    rows: int = 2_000,
    rounds: int = 3,
    products: int = 0,
    epochs: int = 0,
    json: Path | None = None,
) -> None:
    """Print the seconds of each run, and its share of the first.

    ``products`` and ``epochs`` make the demo smaller; 0 keeps the values of flows/demo.yaml.
    """
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        arguments = ["--demo", "--output", str(Path(scratch) / "output")]
        for option, value in (("demo_products", products), ("train.num_epochs", epochs)):
            arguments += [f"--{option}", str(value)] if value else []
        runs = [run_pipeline(arguments, Path(scratch) / "prefect") for _ in range(2)]
    for run in runs:
        print(f"demo: {run.work:.2f} s in tasks, {run.overhead:.1f} s of overhead", flush=True)
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        found = measure(Path(scratch), rows, rounds)
    for name, group in (
        ("first run", [found.first]),
        ("nothing changed", found.unchanged),
        ("1% changed", found.changed),
        ("full run", [found.full]),
    ):
        seconds = {stage: median(run.seconds[stage] for run in group) for stage in group[0].seconds}
        print(f"{name:<16}", "  ".join(f"{stage} {one:.3f} s" for stage, one in seconds.items()))
    result = findings((runs[0], runs[1]), found, rows)
    print_figures(result)
    write_findings(result, json)


if __name__ == "__main__":
    tyro.cli(main)
