"""Images that are too small, or not sharp."""

import numpy as np

from vitrina.health.image_measures import ImageMeasures
from vitrina.health.problems import Findings, Problem, alone, robust_z
from vitrina.health.reasons import Reason, Sentence


def find_small_images(measures: ImageMeasures, min_side: int) -> Findings:
    """The listings whose image has fewer pixels on its longer side.

    Images are never enlarged, but those that fill the box they were resized into may have been
    larger: they are small only if that box is larger than ``min_side``.
    """
    longer = measures.longer_side
    least = min(min_side, int(longer.max(initial=0)))
    rows = np.flatnonzero((longer > 0) & (longer < least))
    reasons = [
        Reason.of(
            Sentence.SMALL,
            width=str(measures.width[row]),
            height=str(measures.height[row]),
            wanted=str(min_side),
        )
        for row in rows
    ]
    return Findings.of(Problem.SMALL_IMAGE, rows, 1 - longer[rows] / min_side, reasons, alone(rows))


def find_blurred_images(measures: ImageMeasures, least_z: float) -> Findings:
    """The listings whose image is of one colour, or less sharp than usual by ``least_z``."""
    readable = measures.width > 0
    is_blank = readable & np.isnan(measures.sharpness)
    sharp = np.flatnonzero(readable & ~is_blank)
    z = np.zeros(len(readable))
    z[sharp] = -robust_z(np.log(measures.sharpness[sharp] + 1e-6), np.zeros(len(sharp), np.int64))
    z[is_blank] = np.maximum(least_z, z.max(initial=0)) + 1
    rows = np.flatnonzero(z >= least_z)
    reasons = [
        Reason.of(Sentence.BLANK)
        if is_blank[row]
        else Reason.of(Sentence.BLURRED, z=f"{z[row]:.1f}")
        for row in rows
    ]
    return Findings.of(Problem.BLURRED_IMAGE, rows, z[rows], reasons, alone(rows))
