"""Look for the images of all listings, before any of them is opened."""

import hashlib
import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.catalog.rejection import RejectionReason
from vitrina.errors import UserError
from vitrina.images.cleaned_rows import cleaned_batches
from vitrina.images.examples import example_beside
from vitrina.images.resize_index import ResizeOutcome
from vitrina.images.resize_plan import NO_STAMP, Plan, ResizeJob, ResizePlanner
from vitrina.results import CleanResult

logger = logging.getLogger(__name__)


class ImageStats(NamedTuple):
    """The images of a table's rows, before any of them is opened."""

    fingerprint: str  # changes when any image or a setting does
    to_resize: int  # new or changed images
    to_fetch: int  # those of them that must be fetched, or perhaps have not changed


def inspect_images(cleaned: CleanResult, planner: ResizePlanner) -> ImageStats:
    """Fingerprint the images of all rows and count those to resize.

    Missing ones are logged, with an example of what lies there. Raises UserError if no row has an
    image.
    """
    with flat_memory():
        stats, absent = _inspect(cleaned, planner)
        while planner.place.look_again():
            stats, absent = _inspect(cleaned, planner)
    if cleaned.rows_kept and not absent.present:
        raise UserError(_none_found(cleaned.rows_kept, planner, absent))
    if absent.missing:
        count = absent.reasons[RejectionReason.MISSING_IMAGE]
        example = _example(planner, absent.missing)
        logger.warning("resize: %d images missing, for example %s", count, example)
    return stats


@dataclass
class _Absent:
    """The images without a file that could be read, and how many have one."""

    present: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    missing: str = ""  # the path of the first that is not there

    def add(self, plan: Plan) -> None:
        """Count the images of a batch."""
        for step, source in zip(plan.steps, plan.sources, strict=True):
            if isinstance(step, ResizeOutcome) and step.stamp == NO_STAMP:
                self.reasons[step.reason] += 1
                if step.reason == RejectionReason.MISSING_IMAGE:
                    self.missing = self.missing or source
            else:
                self.present += 1


def _inspect(cleaned: CleanResult, planner: ResizePlanner) -> tuple[ImageStats, _Absent]:
    stamps, absent = hashlib.blake2b(digest_size=10), _Absent()
    to_resize = to_fetch = 0
    for batch in cleaned_batches(cleaned.table, planner.columns):
        plan = planner.plan(batch)
        stamps.update(np.array([step.stamp for step in plan.steps], np.uint64).tobytes())
        if planner.place.has_addresses:  # whose stamps do not tell what was found there
            stamps.update("\n".join(map(_content, plan.steps)).encode())
            to_fetch += len(plan.downloads())
        to_resize += len(plan.jobs())
        absent.add(plan)
    return ImageStats(stamps.hexdigest(), to_resize, to_fetch), absent


def _content(step: ResizeJob | ResizeOutcome) -> str:
    return step.hash or step.reason if isinstance(step, ResizeOutcome) else ""


def _none_found(rows: int, planner: ResizePlanner, absent: _Absent) -> str:
    """Why no row has an image, and what to set."""
    parameter = "image_column" if planner.config.image_column else "image_pattern"
    if absent.missing:
        return (
            f"{planner.originals} has no image for any of {rows} rows, for example no "
            f"{_example(planner, absent.missing)}. Set another folder, or resize.{parameter}."
        )
    reasons = ", ".join(f"{reason} {count}" for reason, count in absent.reasons.most_common())
    return f"None of {rows} rows has an image that can be used: {reasons}. Set resize.{parameter}."


def _example(planner: ResizePlanner, missing: str) -> str:
    """The path of a missing image, and of one that lies there."""
    there = example_beside(planner.originals, missing)
    return (
        f"{missing}; the folder holds for example {there}" if there else f"{missing}; none is there"
    )
