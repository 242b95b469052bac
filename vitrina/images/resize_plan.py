"""Decide for each listing whether its image must be resized or its outcome is known."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import NamedTuple, Self

from upath import UPath

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.catalog.rejection import RejectionReason
from vitrina.config import ResizeConfig
from vitrina.errors import UserError
from vitrina.images.resize_index import CompactListing, ResizeIndex, ResizeOutcome, hash_texts
from vitrina.store.code_version import code_version
from vitrina.store.files import listing
from vitrina.store.fingerprint import fingerprint
from vitrina.store.paths import check_folder

MAX_NAME_BYTES = 200  # of 255, less ".jpg" and the affixes of a temp file
BYTES_PER_PIXEL = 8  # a larger file has more pixels than allowed, or is not an image
NO_STAMP = 0  # of an outcome that was reached without the image's bytes, so is never reused
RESIZER = "vitrina.images.resize_image:resize_image"  # an edit of it resizes every image again


class ResizeJob(NamedTuple):
    """An image to resize."""

    nm: str
    source: str  # its path below the folder of originals
    stamp: int


def would_overwrite(originals: UPath, resized: UPath, config: ResizeConfig) -> bool:
    """Whether resized images would be written to where the original ones are."""
    return bool((originals / source_pattern(config).parent).resolve() == resized.resolve())


@dataclass(frozen=True)
class ResizePlanner:
    """The state of the folders of original and of resized images, listed once."""

    originals: UPath
    resized: UPath
    config: ResizeConfig
    sources: CompactListing  # of originals
    targets: CompactListing  # of resized
    index: ResizeIndex
    settings: str  # fingerprint of the parameters and the code that decide a resized image

    @classmethod
    def make(
        cls, originals: UPath, resized: UPath, config: ResizeConfig, *, refresh: bool = False
    ) -> Self:
        """List both folders and load the index; ``refresh`` ignores the index.

        Raises UserError if ``originals`` does not exist, or is where the resized images would go.
        """
        if would_overwrite(originals, resized, config):
            raise UserError(
                f"{originals} holds the original images, which the resized ones would overwrite. "
                "Name another folder for the resized ones."
            )
        check_folder(originals)
        with flat_memory():
            return cls(
                originals,
                resized,
                config,
                sources=CompactListing.of(listing(originals)),
                targets=CompactListing.of(listing(resized)),
                index=ResizeIndex.empty(resized) if refresh else ResizeIndex.load(resized),
                settings=fingerprint(config.content(), code_version(RESIZER)),
            )

    @cached_property
    def _pattern(self) -> str:
        return str(source_pattern(self.config))

    def source_name(self, nm: str) -> str:
        """The path of an id's image below ``originals``."""
        return self._pattern.replace("{nm}", nm)

    def plan(self, ids: Sequence[str]) -> list[ResizeJob | ResizeOutcome]:
        """A job for each id whose image must be resized, and the known outcome of the others.

        No image is opened. A stamp stands for an original's path, the stamp of its file and the
        settings: an outcome is known if it has the same one.
        """
        names = [self.source_name(nm) for nm in ids]
        sizes, stamps = self.sources.find(names)
        stamps = hash_texts(
            [f"{self.settings}/{name}/{stamp}" for name, stamp in zip(names, stamps, strict=True)]
        )
        resized, _ = self.targets.find([target_name(nm) for nm in ids])
        known = self.index.find(ids)
        rows = zip(ids, names, sizes.tolist(), stamps.tolist(), resized, known, strict=True)
        return [self._plan_one(*row) for row in rows]

    def _plan_one(
        self, nm: str, source: str, size: int, stamp: int, resized: int, known: ResizeOutcome | None
    ) -> ResizeJob | ResizeOutcome:
        if is_unsafe(nm):
            return ResizeOutcome(nm, NO_STAMP, 0, "", RejectionReason.UNSAFE_PATH)
        if size < 0:
            return ResizeOutcome(nm, NO_STAMP, 0, "", RejectionReason.MISSING_IMAGE)
        if size == 0:
            return ResizeOutcome(nm, stamp, 0, "", RejectionReason.EMPTY_IMAGE)
        if size > BYTES_PER_PIXEL * self.config.max_pixels:
            return ResizeOutcome(nm, stamp, 0, "", RejectionReason.TOO_LARGE_IMAGE)
        if known and known.stamp == stamp and (known.reason or known.size == resized):
            return known
        return ResizeJob(nm, source, stamp)


def source_pattern(config: ResizeConfig) -> PurePosixPath:
    """The path of a row's image below the folder of originals; {nm} stands for the id."""
    return PurePosixPath(config.image_pattern)


def target_name(nm: str) -> str:
    """The resized image's file name."""
    return f"{nm}.jpg"


def is_unsafe(nm: str) -> bool:
    """Whether an id, used as a file name, leaves its folder or is not allowed by a file system."""
    parts = re.split(r"[/\\]", nm)
    too_long = any(len(part.encode("utf-8", "replace")) > MAX_NAME_BYTES for part in parts)
    # fsspec splits the path at "::", s3fs at the version of an object.
    is_split = "::" in nm or "?versionId=" in nm
    leaves = nm.startswith(("/", "\\")) or ".." in parts or "\0" in nm
    return too_long or is_split or leaves
