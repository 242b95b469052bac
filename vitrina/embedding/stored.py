"""Finished embeddings: where they are, what made them, and which can be reused."""

import logging
from dataclasses import dataclass
from typing import NamedTuple

from upath import UPath

from vitrina.config import EmbedConfig
from vitrina.errors import UserError
from vitrina.model.hardware import embedding_arithmetic
from vitrina.store.artifacts import Artifact, Manifest, Store
from vitrina.store.code_version import code_version
from vitrina.store.files import listing
from vitrina.store.fingerprint import fingerprint

logger = logging.getLogger(__name__)

STAGE = "embed"
CODE = "vitrina.embedding.table:embed_table"


@dataclass(frozen=True)
class OutputNames:
    """The names of the outputs in their folder."""

    npz: str
    shards: str

    @staticmethod
    def of(store: Store) -> "OutputNames":
        """``X.npz`` and ``X.parquet/`` beside ``X.manifest.json``; X is embeddings if keyed."""
        stem = "embeddings" if store.keyed else store.manifest_name.removesuffix(".manifest.json")
        return OutputNames(f"{stem}.npz", f"{stem}.parquet")


def vector_settings(
    model_fingerprint: str, config: EmbedConfig, arithmetic: str | None = None
) -> str:
    """Hash of everything that decides the vector of a given text or image.

    ``arithmetic`` is this machine's unless given.
    """
    version = code_version("vitrina.embedding.shard:embed_shard_anywhere")
    arithmetic = arithmetic or embedding_arithmetic(config)
    return fingerprint(model_fingerprint, config.content(), arithmetic, version)


class Embedding(NamedTuple):
    """A finished embedding: its folder and its manifest."""

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
        artifact = store.artifact(STAGE, key)
        manifest = artifact.manifest()
        if manifest and manifest.parameters.get("settings") == settings:
            found.append(Embedding(artifact, manifest))
    return max(found, key=lambda one: one.manifest.created, default=None)


def named_embedding(path: UPath, settings: str) -> Embedding | None:
    """The embedding whose manifest this is; None if it has other settings.

    Raises UserError if the file is no manifest of finished embeddings.
    """
    artifact = Artifact(path.parent, path.name)
    manifest = artifact.manifest()
    if manifest is None or manifest.stage != STAGE:
        raise UserError(
            f"{path} is no manifest of finished embeddings: give the *.manifest.json beside an NPZ."
        )
    if manifest.parameters.get("settings") == settings:
        return Embedding(artifact, manifest)
    logger.warning("embed: %s has another model or other settings: nothing is reused", path)
    return None


def _keys(store: Store) -> list[str]:
    if not store.keyed:
        return [""]  # the root is the one artifact, whatever its key
    ending = f"/{store.manifest_name}"
    names = [name for name, _ in listing(store.path / STAGE)]
    keys = [name.removesuffix(ending) for name in names if name.endswith(ending)]
    return [key for key in keys if "/" not in key and key != "latest"]
