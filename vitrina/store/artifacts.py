"""TODO."""

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
from vitrina.store.files import read_bytes, sizes, write_bytes
from vitrina.store.paths import is_local, location

# --- artifacts -------------------------------------------------------------------------------


class Manifest(BaseModel):
    """What an artifact is, how it was made and which files it consists of."""

    model_config = ConfigDict(frozen=True)

    stage: str
    key: str
    place: str  # where it was made
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
            place=str(self.path),
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
        return location(self.root)

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
        aside = link.with_name(f".latest.{uuid.uuid4().hex[:8]}")
        aside.symlink_to(key)
        aside.replace(link)

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
