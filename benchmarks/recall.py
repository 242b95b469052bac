"""Exact recall, ranks and nDCG in both directions, against the matrix product of the scores alone.

python -m benchmarks.recall                 30,000 × 30,000 × 512
python -m benchmarks.recall --rows 8000

The plain product multiplies blocks of 1,024 texts with all images and discards the scores. Two
directions need it twice; ours needs one product for both and counts ranks block by block.
"""

import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import tyro

from benchmarks.results import Figure, Findings, bars, write_findings
from vitrina.evaluation.metrics import retrieval_metrics

PLAIN_BLOCK = 1_024


@dataclass(frozen=True)
class Measured:
    """Seconds of each round, and memory in bytes."""

    plain: list[float]
    ours: list[float]
    ours_peak: int
    all_scores: int

    def ratios(self, directions: int) -> list[float]:
        """Our time relative to ``directions`` plain products, by round; below 1 is faster."""
        pairs = zip(self.plain, self.ours, strict=True)
        return [ours / (directions * plain) for plain, ours in pairs]


def pairs(rows: int, dim: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit image and text vectors, mostly nearest to each other, and groups, some of two rows."""
    rng = np.random.default_rng(0)
    image = rng.standard_normal((rows, dim), dtype=np.float32)
    text = image + 4 * rng.standard_normal((rows, dim), dtype=np.float32)
    group = np.arange(rows)
    group[::10] = group[min(1, rows - 1) :: 10][: len(group[::10])]
    for vectors in (image, text):
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return image, text, group


def plain_product(text: np.ndarray, image: np.ndarray) -> None:
    """All scores, block by block of texts, discarded."""
    for start in range(0, len(text), PLAIN_BLOCK):
        text[start : start + PLAIN_BLOCK] @ image.T


def measure(rows: int, dim: int, repeats: int) -> Measured:
    """Time both in turn, so that other work on the machine slows down both."""
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
    return Measured(plain, ours, peak, all_scores=rows * rows * 4)


def findings(found: Measured, rows: int, dim: int) -> Findings:
    """Time relative to the plain product, memory relative to all scores."""
    share = found.ours_peak / found.all_scores
    return Findings(
        workload=f"{rows:,} texts × {rows:,} images × {dim}, float32. The plain product multiplies "
        f"blocks of {PLAIN_BLOCK:,} texts and keeps nothing; ours computes recall, ranks and nDCG "
        "in both directions.",
        figures=(
            Figure(
                name="time relative to the plain product, both directions",
                values=tuple(found.ratios(2)),
                at_most=1.0,
            ),
            Figure(
                name="time of both directions relative to the plain product in one",
                values=tuple(found.ratios(1)),
            ),
            Figure(
                name="peak memory beyond the embeddings relative to all scores",
                values=(share,),
                at_most=0.1,
            ),
        ),
        bars=(
            bars(
                "Time, lower is better",
                "s",
                {
                    "plain product, one direction": found.plain,
                    "plain product, both directions": [2 * one for one in found.plain],
                    "ours, both directions": found.ours,
                },
            ),
        ),
        rates={
            "seconds, both directions": median(found.ours),
            "rows": rows,
            "bytes of memory beyond the embeddings": found.ours_peak,
        },
    )


def main(rows: int = 30_000, dim: int = 512, repeats: int = 3, json: Path | None = None) -> None:
    """Print seconds, ratios and memory."""
    found = measure(rows, dim, repeats)
    print(f"{rows:,} texts × {rows:,} images × {dim}, float32, {repeats} rounds, medians")
    print(f"plain product, one direction        {median(found.plain):8.2f} s")
    print(f"recall, ranks, nDCG, both directions{median(found.ours):8.2f} s")
    for directions, label in ((2, "to both directions"), (1, "to one direction")):
        ratios = found.ratios(directions)
        print(f"ratio, {label:<28} {median(ratios):8.2f}  ({min(ratios):.2f} to {max(ratios):.2f})")
    print(
        f"peak memory beyond the embeddings   {found.ours_peak / 2**20:8.0f} MiB "
        f"(all scores would be {found.all_scores / 2**20:,.0f} MiB)"
    )
    write_findings(findings(found, rows, dim), json)


if __name__ == "__main__":
    tyro.cli(main)
