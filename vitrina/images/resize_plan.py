"""Decide for each image of a listing whether it must be resized or its outcome is known."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
from upath import UPath

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.catalog.image_refs import CatalogImage
from vitrina.catalog.processed_table import NM
from vitrina.catalog.rejection import RejectionReason
from vitrina.config.images import ResizeConfig
from vitrina.images.catalog_images import CatalogImages
from vitrina.images.compact_listing import hash_texts
from vitrina.images.image_files import ImageFiles
from vitrina.images.image_folders import ImageFolders
from vitrina.images.named_files import ADDRESS, UNSAFE, FoundImage
from vitrina.images.places.cell import is_address
from vitrina.images.places.open_place import open_place, originals_of
from vitrina.images.places.row_images import ImagePlace
from vitrina.images.resize_index import ResizeIndex, ResizeOutcome
from vitrina.store.code_version import code_version
from vitrina.store.fingerprint import fingerprint
from vitrina.store.paths import to_path

BYTES_PER_PIXEL = 8  # a larger file has more pixels than allowed, or is not an image
NO_STAMP = 0  # marks outcomes decided without reading the image; never reused
RESIZER = "vitrina.images.resize_image:resize_image"  # an edit of it resizes every image again


class ResizeJob(NamedTuple):
    """An image to resize."""

    name: str  # of the resized image, without .jpg
    source: str  # its path, absolute or below the folder of originals; or its address
    stamp: int
    known: ResizeOutcome | None = None  # for an address: the outcome, unless it has changed since
    held: CatalogImage | None = None  # where the catalogue holds it, if it does


@dataclass(frozen=True)
class Plan:
    """What to do for the images of a batch of rows: a step for each."""

    steps: Sequence[ResizeJob | ResizeOutcome]
    rows: Sequence[int]  # in the batch, of each step; each row has one or several
    sources: Sequence[str]  # of each step: the path of the image, empty if the row names none

    def steps_by_row(self, rows: int) -> list[int]:
        """The number of steps of each of so many rows."""
        return np.bincount(np.asarray(self.rows, np.int64), minlength=rows).tolist()  # type: ignore[no-any-return]  # NumPy's lists are untyped

    def jobs(self) -> list[ResizeJob]:
        """The images to resize."""
        return [step for step in self.steps if isinstance(step, ResizeJob)]

    def downloads(self) -> list[ResizeJob]:
        """Those of them that must be fetched."""
        return [job for job in self.jobs() if is_address(job.source)]


@dataclass(frozen=True)
class ResizePlanner:
    """The state of the original and of the resized images, which are listed once."""

    place: ImagePlace
    originals: UPath  # to which the paths of originals are relative
    resized: UPath
    config: ResizeConfig
    targets: ImageFiles
    index: ResizeIndex
    settings: str  # fingerprint of the parameters and the code that decide a resized image
    # Fetched images are known if their servers were asked since then, in seconds since 1970.
    fresh_since: float
    catalog: CatalogImages  # which may hold images itself
    failed: Mapping[str, str] | None = None  # reasons by name, once all have been fetched
    fetched: int = 0  # images that were fetched in this run

    @classmethod
    def make(
        cls,
        folders: ImageFolders,
        config: ResizeConfig,
        cleaned: pa.Schema,
        *,
        refresh: bool = False,
        revalidate_hours: float = 0,
    ) -> Self:
        """For a cleaned table with this schema; ``refresh`` ignores the index.

        The servers of images that were fetched within ``revalidate_hours`` are not asked again.
        Raises UserError if the images cannot be found: see ``check_place``.
        """
        place, resized = open_place(folders, config, cleaned), to_path(folders.resized)
        load_index = ResizeIndex.empty if refresh else ResizeIndex.load
        with flat_memory():
            return cls(
                place,
                originals_of(folders),
                resized,
                config,
                targets=ImageFiles(resized, exact=True),
                index=load_index(resized, of_fetched=place.has_addresses),
                settings=fingerprint(config.content(), code_version(RESIZER)),
                fresh_since=time.time() - 3_600 * revalidate_hours,
                catalog=CatalogImages(folders.catalog, config.image_column),
            )

    def after_fetching(self, failed: Mapping[str, str], fetched: int) -> Self:
        """The planner once all images have been fetched but these, by the names of the resized."""
        targets, index = ImageFiles(self.resized, exact=True), self.index.with_new()
        return replace(self, index=index, targets=targets, failed=failed, fetched=fetched)

    @property
    def columns(self) -> list[str]:
        """The columns of the cleaned table that a plan needs."""
        return list(dict.fromkeys((NM, *self.place.columns)))

    def plan(self, batch: pa.RecordBatch) -> Plan:
        """A job for each image that must be resized, and the known outcome of the others.

        The batch has ``columns``; no image is opened. A stamp stands for an original's path, the
        stamp of its file and the settings: an outcome is known if it has the same one.
        """
        ids = [str(nm) for nm in batch.column(NM).to_pylist()]
        found = self.place.find(batch, ids)
        images, names = found.images, found.names
        stamps = hash_texts([f"{self.settings}/{one.identity}/{one.stamp}" for one in images])
        resized = [target.size for target in self.targets.find([target_name(nm) for nm in names])]
        known = self.index.find(names)
        rows = zip(names, images, stamps.tolist(), resized, known, strict=True)
        steps = [self._plan_one(*row) for row in rows]
        rejected = found.rejected.items()
        steps += [ResizeOutcome(ids[row], NO_STAMP, 0, "", reason) for row, reason in rejected]
        sources = [image.name for image in images]
        return Plan(steps, [*found.rows, *found.rejected], [*sources, *[""] * len(rejected)])

    def _plan_one(
        self, name: str, source: FoundImage, stamp: int, resized: int, known: ResizeOutcome | None
    ) -> ResizeJob | ResizeOutcome:
        is_whole = known and known.stamp == stamp and (known.reason or known.size == resized)
        valid = known if is_whole else None
        if source.size == ADDRESS:
            return self._plan_address(name, source.name, stamp, valid)
        if source.size == UNSAFE:
            return ResizeOutcome(name, NO_STAMP, 0, "", RejectionReason.UNSAFE_PATH)
        if source.size < 0:
            return ResizeOutcome(name, NO_STAMP, 0, "", RejectionReason.MISSING_IMAGE)
        if source.size == 0:
            return ResizeOutcome(name, stamp, 0, "", RejectionReason.EMPTY_IMAGE)
        if source.size > BYTES_PER_PIXEL * self.config.max_pixels:
            return ResizeOutcome(name, stamp, 0, "", RejectionReason.TOO_LARGE_IMAGE)
        return valid or ResizeJob(name, source.name, stamp, held=source.held)

    def _plan_address(
        self, name: str, address: str, stamp: int, known: ResizeOutcome | None
    ) -> ResizeJob | ResizeOutcome:
        """As for a file; but an image that could not be fetched now is still the known one."""
        if self.failed is None:
            is_fresh = known and known.checked >= self.fresh_since
            return known if known and is_fresh else ResizeJob(name, address, stamp, known)
        reason = self.failed.get(name)
        if known and (reason is None or not known.reason):
            return known
        return ResizeOutcome(name, NO_STAMP, 0, "", reason or RejectionReason.FAILED_DOWNLOAD)


def target_name(name: str) -> str:
    """The resized image's file name."""
    return f"{name}.jpg"
