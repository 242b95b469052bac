"""What each listing's image needs: nothing, because it is known, or to be resized."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import NamedTuple, Self

from upath import UPath

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.config import ResizeConfig
from vitrina.errors import UserError
from vitrina.images.resize_index import Files, ResizeIndex, ResizeOutcome, hash_texts
from vitrina.store.code_version import code_version
from vitrina.store.files import listing
from vitrina.store.fingerprint import fingerprint
from vitrina.store.paths import check_folder

MAX_NAME_BYTES = 200  # of 255, less ".jpg" and what a file is called while it is written
BYTES_PER_PIXEL = 8  # a larger file has more pixels than allowed, or is no image
UNSEEN = 0  # the stamp where no bytes were seen that an outcome could hold for


class ResizeJob(NamedTuple):
    """An image to resize."""

    nm: str
    source: str
    stamp: int


@dataclass(frozen=True)
class ResizePlanner:
    """The folders of images and of resized ones, as two listings and the index show them."""

    originals: UPath
    resized: UPath
    config: ResizeConfig
    sources: Files
    targets: Files
    index: ResizeIndex
    settings: str

    @classmethod
    def make(
        cls, originals: UPath, resized: UPath, config: ResizeConfig, *, refresh: bool = False
    ) -> Self:
        """Look at both folders; with ``refresh`` nothing counts as known.

        Raises UserError if there is no folder of images, or if they would be overwritten.
        """
        if (originals / source_pattern(config).parent).resolve() == resized.resolve():
            raise UserError(
                f"{originals} holds the images and would hold the resized ones too, in their place. "
                "Name another folder for the resized ones."
            )
        check_folder(originals)
        with flat_memory():
            return cls(
                originals,
                resized,
                config,
                sources=Files.of(listing(originals)),
                targets=Files.of(listing(resized)),
                index=ResizeIndex.empty(resized) if refresh else ResizeIndex.load(resized),
                settings=fingerprint(config.content(), code_version("vitrina.images.resize_image")),
            )

    @cached_property
    def _pattern(self) -> str:
        return str(source_pattern(self.config))

    def source_name(self, nm: str) -> str:
        """The file name of an id's image."""
        return self._pattern.replace("{nm}", nm)

    def plan(self, ids: Sequence[str]) -> list[ResizeJob | ResizeOutcome]:
        """A job or, without opening anything, the outcome of each id's image."""
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
            return ResizeOutcome(nm, UNSEEN, 0, "", "unsafe_path")
        if size < 0:
            return ResizeOutcome(nm, UNSEEN, 0, "", "missing_image")
        if size == 0:
            return ResizeOutcome(nm, stamp, 0, "", "empty_image")
        if size > BYTES_PER_PIXEL * self.config.max_pixels:
            return ResizeOutcome(nm, stamp, 0, "", "too_large_image")
        if known and known.stamp == stamp and (known.reason or known.size == resized):
            return known
        return ResizeJob(nm, source, stamp)


def source_pattern(config: ResizeConfig) -> PurePosixPath:
    """Where in the folder of images that of the id {nm} is, as a listing names it."""
    return PurePosixPath(config.image_pattern)


def target_name(nm: str) -> str:
    """The resized image's file name."""
    return f"{nm}.jpg"


def is_unsafe(nm: str) -> bool:
    """Whether an id, made a file name, would leave its folder or be none that a store takes."""
    parts = re.split(r"[/\\]", nm)
    too_long = any(len(part.encode("utf-8", "replace")) > MAX_NAME_BYTES for part in parts)
    # fsspec takes the one for a chain of places, s3fs the other for a version of an object.
    taken_apart = "::" in nm or "?versionId=" in nm
    leaves = nm.startswith(("/", "\\")) or ".." in parts or "\0" in nm
    return too_long or taken_apart or leaves
