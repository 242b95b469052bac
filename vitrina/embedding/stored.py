"""Finished embeddings in a store: their file names, their settings, and which can be reused."""

import logging
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import ValidationError
from upath import UPath

from vitrina.config.embedding import EmbedConfig
from vitrina.errors import UserError
from vitrina.model.hardware import embedding_arithmetic
from vitrina.results import VectorOrigin
from vitrina.store.artifacts import Artifact, Manifest, Store
from vitrina.store.code_version import code_version
from vitrina.store.files import listing
from vitrina.store.fingerprint import fingerprint

logger = logging.getLogger(__name__)

STAGE = "embed"
IMAGES = ".images.parquet"  # the end of the name of the folder with each image's own vector
CODE = "vitrina.embedding.table:embed_table"


@dataclass(frozen=True)
class OutputNames:
    """The names of the NPZ, of the shards' folder, and of that with each image's own vector."""

    npz: str
    shards: str

    @property
    def images(self) -> str:
        """The folder with a row for each image, of tables with several images a listing."""
        return self.shards.removesuffix(".parquet") + IMAGES

    @staticmethod
    def of(store: Store) -> "OutputNames":
        """``X.npz`` and ``X.parquet`` for ``X.manifest.json``; in a keyed store X is embeddings."""
        stem = "embeddings" if store.keyed else store.manifest_name.removesuffix(".manifest.json")
        return OutputNames(f"{stem}.npz", f"{stem}.parquet")


def vector_settings(
    model_fingerprint: str, config: EmbedConfig, arithmetic: str | None = None
) -> str:
    """A hash of everything that decides the vector of a given text or image.

    ``arithmetic`` is by default that of this machine,
    :func:`vitrina.model.hardware.embedding_arithmetic`.
    """
    version = code_version("vitrina.embedding.shard:embed_shard_on_worker")
    arithmetic = arithmetic or embedding_arithmetic(config)
    return fingerprint(model_fingerprint, config.content(), arithmetic, version)


class Embedding(NamedTuple):
    """A finished embedding: its folder and its manifest."""

    artifact: Artifact
    manifest: Manifest

    @property
    def shards(self) -> list[UPath]:
        """The paths of its Parquet shards, with a row for each listing."""
        return [self.artifact.path / name for name in self._parquet() if not _is_of_images(name)]

    @property
    def image_shards(self) -> list[UPath]:
        """The paths of the Parquet files with a row for each image, where listings have several."""
        return [self.artifact.path / name for name in self._parquet() if _is_of_images(name)]

    def _parquet(self) -> list[str]:
        return [name for name in self.manifest.files if name.endswith(".parquet")]


def _is_of_images(name: str) -> bool:
    return name.split("/")[0].endswith(IMAGES)


def latest_embedding(store: Store, settings: str) -> Embedding | None:
    """The latest finished embedding in the store with these settings, or None."""
    candidates = []
    for key in _keys(store):
        artifact = store.artifact(STAGE, key)
        manifest = artifact.manifest()
        if manifest and manifest.parameters.get("settings") == settings:
            candidates.append(Embedding(artifact, manifest))
    return max(candidates, key=lambda embedding: embedding.manifest.created, default=None)


def named_embedding(path: UPath, settings: str) -> Embedding | None:
    """The embedding of a manifest, or None, with a warning, if its settings are different.

    Raises UserError if the file is not the manifest of a finished embedding.
    """
    artifact = Artifact(path.parent, path.name)
    manifest = artifact.manifest()
    if manifest is None or manifest.stage != STAGE:
        raise UserError(
            f"{path} is no manifest of finished embeddings: give the *.manifest.json beside an NPZ."
        )
    if manifest.parameters.get("settings") == settings:
        return Embedding(artifact, manifest)
    logger.warning("embed: %s has another model or other settings, so nothing is reused", path)
    return None


def run_origin(model: UPath) -> VectorOrigin | None:
    """What a run has made its vectors with, given the folder it keeps its model in.

    None if the folder is not ``<output>/models/<fingerprint>`` of the latest embedding's model.
    """
    if model.parent.name != "models":
        return None
    latest = Store(root=str(model.parent.parent)).latest(STAGE)
    manifest = latest.manifest() if latest else None
    try:
        origin = VectorOrigin.model_validate(manifest.result.get("origin")) if manifest else None
    except ValidationError:  # of an older version
        return None
    return origin if origin and origin.model == model.name else None


def _keys(store: Store) -> list[str]:
    """The keys of all embeddings in the store."""
    if not store.keyed:
        return [""]  # its root is the only artifact, whatever the key
    ending = f"/{store.manifest_name}"
    names = [name for name, _ in listing(store.path / STAGE)]
    keys = [name.removesuffix(ending) for name in names if name.endswith(ending)]
    return [key for key in keys if "/" not in key and key != "latest"]
