"""Artifacts: folders of a stage's files, complete once their manifest is written.

The manifest is written last and lists every file with its size. An artifact whose manifest is
missing, or whose files are not all there in that size, does not exist for a reader.
"""

import json
import logging
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from upath import UPath

from vitrina.config.parameters import Parameters
from vitrina.errors import UserError
from vitrina.store.files import (
    check_writable,
    read_bytes,
    sizes,
    temp_file_beside,
    write_bytes,
    write_json,
)
from vitrina.store.paths import exists, is_file, is_local, to_path

MANIFEST = "manifest.json"
logger = logging.getLogger(__name__)


class Manifest(BaseModel):
    """What an artifact is, what it was made from and which files it consists of."""

    model_config = ConfigDict(frozen=True)

    stage: str
    key: str
    made_in: str  # its folder at that time, which the paths in the result start with
    created: datetime
    parameters: dict[str, Any]
    result: dict[str, Any]
    files: dict[str, int]  # size in bytes by relative path


@dataclass(frozen=True)
class Artifact:
    """The folder of an artifact, complete once :meth:`publish` has written its manifest."""

    path: UPath
    manifest_name: str = MANIFEST

    @property
    def manifest_path(self) -> UPath:
        """The path of the manifest."""
        return self.path / self.manifest_name

    def manifest(self) -> Manifest | None:
        """The manifest, or None unless the artifact is complete."""
        path = self.manifest_path
        try:
            manifest = Manifest.model_validate_json(path.fs.cat_file(path.path))
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            return None
        return manifest if sizes(self.path, manifest.files) == manifest.files else None

    def publish(
        self,
        stage: str,
        key: str,
        files: Iterable[str],
        *,
        parameters: dict[str, Any],
        result: dict[str, Any],
    ) -> Manifest:
        """Write the manifest of these files, which makes them the artifact ``key``.

        Raises FileNotFoundError if one of them is missing.
        """
        names = sorted(files)
        present = sizes(self.path, names)
        if missing := set(names) - set(present):
            raise FileNotFoundError(f"{stage} has not written {sorted(missing)} to {self.path}")
        manifest = Manifest(
            stage=stage,
            key=key,
            made_in=str(self.path),
            created=datetime.now(UTC),
            parameters=parameters,
            result=result,
            files=present,
        )
        write_bytes(self.manifest_path, manifest.model_dump_json(indent=2).encode())
        return manifest


class Store(Parameters):
    """Artifacts below one root, in ``<root>/<stage>/<key>/``.

    Without ``keyed`` the root itself is the artifact of one stage: the output folder of a script.
    ``manifest_name`` distinguishes several such artifacts in one folder.
    """

    root: str
    keyed: bool = True
    manifest_name: str = MANIFEST

    @property
    def path(self) -> UPath:
        """The root as a path."""
        return to_path(self.root)

    def artifact(self, stage: str, key: str) -> Artifact:
        """The artifact of a stage and key, complete or not."""
        folder = self.path / stage / key if self.keyed else self.path
        return Artifact(folder, self.manifest_name)

    def point_latest(self, stage: str, key: str) -> None:
        """Point ``<stage>/latest`` to this key, unless it does already.

        It is a symbolic link; on S3, and on a disk without links, a file that holds the key.
        """
        if not self.keyed or self.latest_key(stage) == key:
            return
        latest = self.path / stage / "latest"
        if not is_local(latest) or not _linked(Path(latest.path), key):
            write_bytes(latest, key.encode())

    def latest(self, stage: str) -> Artifact | None:
        """The artifact that ``<stage>/latest`` points to, or None unless it is complete."""
        key = self.latest_key(stage)
        if key is None:
            return None
        artifact = self.artifact(stage, key)
        return artifact if artifact.manifest() else None

    def latest_key(self, stage: str) -> str | None:
        """The key that ``<stage>/latest`` points to; None if there is no pointer."""
        pointer = self.path / stage / "latest"
        if is_local(pointer) and Path(pointer.path).is_symlink():
            return str(Path(pointer.path).readlink())
        return read_bytes(pointer).decode().strip() if is_file(pointer) else None


def _linked(latest: Path, key: str) -> bool:
    """Make ``latest`` a symbolic link to ``key``; False where there are no links."""
    if latest.is_dir() and not latest.is_symlink():
        shutil.rmtree(latest)  # a copy of the store that followed links has a folder here
    temp_file = temp_file_beside(latest)
    try:
        temp_file.symlink_to(key)
        temp_file.replace(latest)
    except OSError:
        temp_file.unlink(missing_ok=True)
        return False
    return True


LAYOUT = 2
LAYOUT_FILE = "vitrina-store.json"
# Layout 1 had no such file; every pipeline run wrote one of these.
LAYOUT_1_FILES = ("clean/latest", "demo/latest", "models/history")


def open_store(root: str) -> Store:
    """The store in a folder; a new one is marked with its layout.

    Raises UserError if the folder holds a store of another layout.
    """
    store = Store(root=root)
    check_layout(store.path)
    if not is_file(store.path / LAYOUT_FILE):
        write_json(store.path / LAYOUT_FILE, {"layout": LAYOUT})
    return store


def check_output(folder: UPath, *results: str) -> None:
    """Raise UserError unless files can be written to a folder, or it holds one of the ``results``.

    These are names of files or folders that a finished run leaves there: a run in which everything
    is stored writes nothing.
    """
    try:
        check_writable(folder)
    except UserError as error:
        if not any(exists(folder / name) for name in results):
            raise
        logger.warning("%s Only what is stored there already can be used.", error)


def check_layout(root: UPath) -> None:
    """Raise UserError if a folder holds a store that another version of Vitrina has written."""
    layout = _layout(root)
    if layout != LAYOUT:
        raise UserError(
            f"{root} holds a store of layout {layout}; this version of Vitrina reads and writes "
            f"layout {LAYOUT}. Choose another --output; a model of the old store can be its "
            "--model."
        )


def _layout(root: UPath) -> object:
    """The layout of the store in a folder; that of this version if there is none."""
    if is_file(root / LAYOUT_FILE):
        return json.loads(read_bytes(root / LAYOUT_FILE)).get("layout")
    return 1 if any(exists(root / name) for name in LAYOUT_1_FILES) else LAYOUT
