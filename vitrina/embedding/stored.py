"""TODO."""

from dataclasses import dataclass
from typing import NamedTuple

from upath import UPath

from tasks.embed import STAGE
from vitrina.config import EmbedConfig
from vitrina.embedding.table import logger
from vitrina.errors import UserError
from vitrina.store.artifacts import Artifact, Manifest, Store
from vitrina.store.code_version import code_version
from vitrina.store.files import listing
from vitrina.store.fingerprint import fingerprint


@dataclass(frozen=True)
class Names:
    """What the outputs are called in their folder."""

    npz: str
    shards: str

    @staticmethod
    def of(store: Store) -> "Names":
        """``X.npz`` and ``X.parquet/`` beside ``X.manifest.json``; X is embeddings if keyed."""
        stem = "embeddings" if store.keyed else store.manifest_name.removesuffix(".manifest.json")
        return Names(f"{stem}.npz", f"{stem}.parquet")


def settings_of(model_fingerprint: str, config: EmbedConfig) -> str:
    """Hash of what decides the vector of a text or picture, beside the text or picture."""
    version = code_version("vitrina.embedding.embedder")
    return fingerprint(model_fingerprint, config.content(), version)


class Embedding(NamedTuple):
    """A finished embedding: its folder, and what its manifest says."""

    artifact: Artifact
    manifest: Manifest

    @property
    def shards(self) -> list[UPath]:
        """Its Parquet shards."""
        names = (name for name in self.manifest.files if name.endswith(".parquet"))
        return [self.artifact.path / name for name in names]


def latest_embedding(store: Store, settings: str) -> Embedding | None:
    """The latest finished embedding of the store with these settings."""
    found = []
    for key in _keys(store):
        artifact = store.artifact(STAGE.name, key)
        manifest = artifact.manifest()
        if manifest and manifest.parameters.get("settings") == settings:
            found.append(Embedding(artifact, manifest))
    return max(found, key=lambda one: one.manifest.created, default=None)


def named_embedding(path: UPath, settings: str) -> Embedding | None:
    """The embedding whose manifest this is; None if other settings made it.

    Raises UserError if it is none, or not finished.
    """
    artifact = Artifact(path.parent, path.name)
    manifest = artifact.manifest()
    if manifest is None or manifest.stage != STAGE.name:
        raise UserError(
            f"{path} is no manifest of finished embeddings: give the *.manifest.json beside an NPZ."
        )
    if manifest.parameters.get("settings") == settings:
        return Embedding(artifact, manifest)
    logger.warning("embed: %s is of another model or settings: all is computed anew", path)
    return None


def _keys(store: Store) -> list[str]:
    if not store.keyed:
        return [""]  # the root is the one artifact, whatever its key
    ending = f"/{store.manifest_name}"
    names = [name for name, _ in listing(store.path / STAGE.name)]
    keys = [name.removesuffix(ending) for name in names if name.endswith(ending)]
    return [key for key in keys if "/" not in key and key != "latest"]
