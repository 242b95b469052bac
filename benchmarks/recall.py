"""Exact recall, ranks and nDCG both ways, against the plain blocked matrix product alone.

python -m benchmarks.recall                 30,000 × 30,000 × 512
python -m benchmarks.recall --rows 8000

The plain way multiplies blocks of 1,024 texts with all images and throws the scores away. Searching
both ways takes it twice; ours searches both ways in one product and counts as it goes.
"""

import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import tyro

from benchmarks.results import Figure, Findings, bars, keep
from vitrina.evaluation.metrics import retrieval_metrics

PLAIN_BLOCK = 1_024


@dataclass(frozen=True)
class Figures:
    """Seconds of each repetition, the two ways alternating, and peak memory in bytes."""

    plain: list[float]
    ours: list[float]
    ours_peak: int
    all_scores: int

    def ratios(self, directions: int) -> list[float]:
        """Our time over that of the plain product done ``directions`` times; below 1 is faster."""
        pairs = zip(self.plain, self.ours, strict=True)
        return [ours / (directions * plain) for plain, ours in pairs]


def pairs(rows: int, dim: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit images and texts that mostly find each other, and groups, a tenth of them of two."""
    rng = np.random.default_rng(0)
    image = rng.standard_normal((rows, dim), dtype=np.float32)
    text = image + 4 * rng.standard_normal((rows, dim), dtype=np.float32)
    group = np.arange(rows)
    group[::10] = group[min(1, rows - 1) :: 10][: len(group[::10])]
    for vectors in (image, text):
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return image, text, group


def plain_product(text: np.ndarray, image: np.ndarray) -> None:
    """All scores, a block of texts at a time, kept by nobody."""
    for start in range(0, len(text), PLAIN_BLOCK):
        text[start : start + PLAIN_BLOCK] @ image.T


def measure(rows: int, dim: int, repeats: int) -> Figures:
    """Time both ways in turn, so that a busy machine is busy for both."""
    image, text, group = pairs(rows, dim)
    plain, ours = [], []
    for _ in range(repeats):
        begin = time.perf_counter()
        plain_product(text, image)
        middle = time.perf_counter()
        retrieval_metrics(image, text, group)
        plain.append(middle - begin)
        ours.append(time.perf_counter() - middle)
    tracemalloc.start()
    retrieval_metrics(image, text, group)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Figures(plain, ours, peak, all_scores=rows * rows * 4)


def findings(found: Figures, rows: int, dim: int) -> Findings:
    """Time against the plain product, memory against all scores."""
    share = found.ours_peak / found.all_scores
    return Findings(
        load=f"{rows:,} texts × {rows:,} images × {dim}, float32. The plain way multiplies blocks "
        f"of {PLAIN_BLOCK:,} and keeps nothing; ours counts recall, ranks and nDCG both ways.",
        figures=(
            Figure(
                name="time of ours to the plain product, both ways",
                values=tuple(found.ratios(2)),
                at_most=1.0,
            ),
            Figure(
                name="time of ours, both ways, to the plain product, one way",
                values=tuple(found.ratios(1)),
            ),
            Figure(
                name="peak memory above the embeddings to that of all scores",
                values=(share,),
                at_most=0.1,
            ),
        ),
        bars=(
            bars(
                "Seconds, less is better",
                "s",
                {
                    "plain product, one way": found.plain,
                    "plain product, both ways": [2 * one for one in found.plain],
                    "ours, both ways": found.ours,
                },
            ),
        ),
        rates={
            "seconds both ways": median(found.ours),
            "rows": rows,
            "bytes of memory above the embeddings": found.ours_peak,
        },
    )


def main(rows: int = 30_000, dim: int = 512, repeats: int = 3, json: Path | None = None) -> None:
    """Print seconds, ratios and memory."""
    found = measure(rows, dim, repeats)
    print(f"{rows:,} texts × {rows:,} images × {dim}, float32, {repeats} repetitions, medians")
    print(f"plain product in blocks, one way    {median(found.plain):8.2f} s")
    print(f"recall, ranks, nDCG, both ways      {median(found.ours):8.2f} s")
    for directions, words in ((2, "both ways against both ways"), (1, "both ways against one")):
        ratios = found.ratios(directions)
        print(f"ratio, {words:<28} {median(ratios):8.2f}  ({min(ratios):.2f} to {max(ratios):.2f})")
    print(
        f"peak memory above the embeddings    {found.ours_peak / 2**20:8.0f} MiB "
        f"(all scores would be {found.all_scores / 2**20:,.0f} MiB)"
    )
    keep(findings(found, rows, dim), json)


if __name__ == "__main__":
    tyro.cli(main)
