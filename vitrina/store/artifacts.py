"""Artifacts: folders of a stage's files, complete once their manifest is written.

The manifest is written last and lists every file with its size. An artifact whose manifest is
missing, or whose files are not all there in that size, does not exist for a reader.
"""

import json
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from upath import UPath

from vitrina.config import Parameters
from vitrina.errors import UserError
from vitrina.store.files import read_bytes, sizes, write_bytes, write_json
from vitrina.store.paths import exists, is_file, is_local, to_path


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
    manifest_name: str = "manifest.json"

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
    manifest_name: str = "manifest.json"

    @property
    def path(self) -> UPath:
        """The root as a path."""
        return to_path(self.root)

    def artifact(self, stage: str, key: str) -> Artifact:
        """The artifact of a stage and key, complete or not."""
        folder = self.path / stage / key if self.keyed else self.path
        return Artifact(folder, self.manifest_name)

    def point_latest(self, stage: str, key: str) -> None:
        """Point ``<stage>/latest`` to this key: a symbolic link locally, an object on S3."""
        if not self.keyed:
            return
        latest = self.path / stage / "latest"
        if not is_local(latest):
            write_bytes(latest, key.encode())
            return
        link = Path(latest.path)
        if link.is_dir() and not link.is_symlink():
            shutil.rmtree(link)  # a copy of the store that followed links has a folder here
        temp_file = link.with_name(f".latest.{uuid.uuid4().hex[:8]}")
        temp_file.symlink_to(key)
        temp_file.replace(link)

    def latest(self, stage: str) -> Artifact | None:
        """The artifact that ``<stage>/latest`` points to, or None unless it is complete."""
        pointer = self.path / stage / "latest"
        if is_local(pointer):
            if not Path(pointer.path).is_symlink():
                return None
            key = str(Path(pointer.path).readlink())
        elif pointer.fs.exists(pointer.path):
            key = read_bytes(pointer).decode()
        else:
            return None
        artifact = self.artifact(stage, key)
        return artifact if artifact.manifest() else None


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
