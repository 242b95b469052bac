"""Decide for each listing whether its image must be resized or its outcome is known."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import PurePosixPath
from typing import NamedTuple, Self

from upath import UPath

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.catalog.rejection import RejectionReason
from vitrina.config.images import ResizeConfig
from vitrina.errors import UserError
from vitrina.images.image_files import FoundImage, ImageFiles
from vitrina.images.resize_index import ResizeIndex, ResizeOutcome, hash_texts
from vitrina.store.code_version import code_version
from vitrina.store.fingerprint import fingerprint
from vitrina.store.paths import check_folder

MAX_NAME_BYTES = 200  # of 255, less ".jpg" and the affixes of a temp file
BYTES_PER_PIXEL = 8  # a larger file has more pixels than allowed, or is not an image
NO_STAMP = 0  # marks outcomes decided without reading the image; never reused
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
    sources: ImageFiles  # below the part of the pattern that is the same for every id
    targets: ImageFiles
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
        folder, pattern = _folder_and_pattern(config)
        with flat_memory():
            return cls(
                originals,
                resized,
                config,
                sources=ImageFiles.of(
                    originals / folder if folder else originals, is_flat="/" not in pattern
                ),
                targets=ImageFiles.of(resized),
                index=ResizeIndex.empty(resized) if refresh else ResizeIndex.load(resized),
                settings=fingerprint(config.content(), code_version(RESIZER)),
            )

    def source_name(self, nm: str) -> str:
        """The path of an id's image below ``originals``."""
        return str(source_pattern(self.config)).replace("{nm}", nm)

    def plan(self, ids: Sequence[str]) -> list[ResizeJob | ResizeOutcome]:
        """A job for each id whose image must be resized, and the known outcome of the others.

        No image is opened. A stamp stands for an original's path, the stamp of its file and the
        settings: an outcome is known if it has the same one.
        """
        folder, pattern = _folder_and_pattern(self.config)
        names = [pattern.replace("{nm}", "" if is_unsafe(nm) else nm) for nm in ids]
        sources = self.sources.find(names)
        if folder:
            sources = [source._replace(name=folder + source.name) for source in sources]
        stamps = hash_texts([f"{self.settings}/{one.name}/{one.stamp}" for one in sources])
        resized = [target.size for target in self.targets.find([target_name(nm) for nm in ids])]
        known = self.index.find(ids)
        rows = zip(ids, sources, stamps.tolist(), resized, known, strict=True)
        return [self._plan_one(*row) for row in rows]

    def _plan_one(
        self, nm: str, source: FoundImage, stamp: int, resized: int, known: ResizeOutcome | None
    ) -> ResizeJob | ResizeOutcome:
        if is_unsafe(nm):
            return ResizeOutcome(nm, NO_STAMP, 0, "", RejectionReason.UNSAFE_PATH)
        if source.size < 0:
            return ResizeOutcome(nm, NO_STAMP, 0, "", RejectionReason.MISSING_IMAGE)
        if source.size == 0:
            return ResizeOutcome(nm, stamp, 0, "", RejectionReason.EMPTY_IMAGE)
        if source.size > BYTES_PER_PIXEL * self.config.max_pixels:
            return ResizeOutcome(nm, stamp, 0, "", RejectionReason.TOO_LARGE_IMAGE)
        if known and known.stamp == stamp and (known.reason or known.size == resized):
            return known
        return ResizeJob(nm, source.name, stamp)


def source_pattern(config: ResizeConfig) -> PurePosixPath:
    """The path of a row's image below the folder of originals; {nm} stands for the id."""
    return PurePosixPath(config.image_pattern)


def _folder_and_pattern(config: ResizeConfig) -> tuple[str, str]:
    """The folder below the originals that all images share, "" or with a slash; the pattern there.

    Only what depends on the id is looked for by name.
    """
    parts = [part for part in source_pattern(config).parts if part != "/"]
    shared = list(takewhile(lambda part: "{nm}" not in part, parts))
    return "".join(f"{part}/" for part in shared), "/".join(parts[len(shared) :])


def target_name(nm: str) -> str:
    """The resized image's file name."""
    return f"{nm}.jpg"


def is_unsafe(nm: str) -> bool:
    """Whether an id, used as a file name, leaves its folder or is not allowed by a file system."""
    if nm.isalnum() and len(nm) <= MAX_NAME_BYTES // 4:
        return False  # at once: most ids are like that
    parts = re.split(r"[/\\]", nm)
    too_long = any(len(part.encode("utf-8", "replace")) > MAX_NAME_BYTES for part in parts)
    # fsspec splits the path at "::", s3fs at the version of an object.
    is_split = "::" in nm or "?versionId=" in nm
    leaves = nm.startswith(("/", "\\")) or ".." in parts or "\0" in nm
    return too_long or is_split or leaves
