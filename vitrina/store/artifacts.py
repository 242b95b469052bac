"""Artifacts: folders that a stage fills and that exist once their manifest is written, last."""

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
    """What an artifact is, how it was made and which files it consists of."""

    model_config = ConfigDict(frozen=True)

    stage: str
    key: str
    made_in: str  # the folder, which paths in the result are in
    created: datetime
    parameters: dict[str, Any]
    result: dict[str, Any]
    files: dict[str, int]


@dataclass(frozen=True)
class Artifact:
    """A folder that a stage fills; finished once :meth:`publish` has written its manifest."""

    path: UPath
    manifest_name: str = "manifest.json"

    @property
    def manifest_path(self) -> UPath:
        """Where the manifest is, or will be."""
        return self.path / self.manifest_name

    def manifest(self) -> Manifest | None:
        """The manifest if the artifact is finished and whole, else None."""
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
        """Declare the named files, all written before, to be the finished artifact ``key``."""
        names = sorted(files)
        present = sizes(self.path, names)
        if missing := set(names) - set(present):
            raise FileNotFoundError(f"{stage} has not written {sorted(missing)} in {self.path}")
        manifest = Manifest(
            stage=stage,
            key=key,
            made_in=str(self.path),
            created=datetime.now(UTC),
            parameters=parameters,
            result=result,
            files=present,
        )
        content = manifest.model_dump_json(indent=2).encode()
        write_bytes(self.manifest_path, content)
        return manifest


class Store(Parameters):
    """Artifacts below one root, ``<root>/<stage>/<key>/``.

    With ``keyed`` off the root itself is the artifact of one stage: the folder that the user of a
    script named. ``manifest_name`` tells apart several such artifacts in one folder.
    """

    root: str
    keyed: bool = True
    manifest_name: str = "manifest.json"

    @property
    def path(self) -> UPath:
        """The root as a place."""
        return to_path(self.root)

    def artifact(self, stage: str, key: str) -> Artifact:
        """The artifact of a stage and key, finished or not."""
        folder = self.path / stage / key if self.keyed else self.path
        return Artifact(folder, self.manifest_name)

    def point_latest(self, stage: str, key: str) -> None:
        """Make ``<stage>/latest`` name this key: a link locally, an object with the key on S3."""
        if not self.keyed:
            return
        latest = self.path / stage / "latest"
        if not is_local(latest):
            write_bytes(latest, key.encode())
            return
        link = Path(latest.path)
        if link.is_dir() and not link.is_symlink():
            shutil.rmtree(link)  # what a copy that follows links makes of it
        temp_file = link.with_name(f".latest.{uuid.uuid4().hex[:8]}")
        temp_file.symlink_to(key)
        temp_file.replace(link)

    def latest(self, stage: str) -> Artifact | None:
        """The artifact that ``latest`` names, if it is whole."""
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


def open_store(root: str) -> Store:
    """The store below a folder, which is marked with the layout that this version writes.

    Raises UserError if the folder holds a store of another layout.
    """
    store = Store(root=root)
    check_layout(store.path)
    if not is_file(store.path / LAYOUT_FILE):
        write_json(store.path / LAYOUT_FILE, {"layout": LAYOUT})
    return store


def check_layout(root: UPath) -> None:
    """Refuse a folder with a store that another version of Vitrina has written."""
    marker = root / LAYOUT_FILE
    if is_file(marker):
        layout = json.loads(read_bytes(marker)).get("layout")
    else:
        written = ("clean/latest", "demo/latest", "models/history")
        layout = 1 if any(exists(root / name) for name in written) else LAYOUT
    if layout != LAYOUT:
        raise UserError(
            f"{root} holds a store of layout {layout}; this version of Vitrina reads and writes "
            f"layout {LAYOUT}. Choose another --output; a model of the old store can be its --model."
        )
