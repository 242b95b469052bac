"""The files of a finished run that belong together: vectors, their table, their model.

Everything is what the manifest of the latest embedding names. Files of different runs, or files
that were replaced, are refused: vectors of different models look alike and compare to nonsense.
"""

import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from pydantic import ValidationError
from upath import UPath

from vitrina.embedding.npz_reader import checksums
from vitrina.embedding.shard_file import read_origin
from vitrina.embedding.stored import STAGE, Embedding
from vitrina.errors import UserError
from vitrina.model.folder import folder_fingerprint, missing_files
from vitrina.promotion.history import kept_model
from vitrina.results import EmbedResult, ResizeResult
from vitrina.store.artifacts import Artifact, Manifest, Store, check_layout
from vitrina.store.cache import local_copy
from vitrina.store.files import read_bytes, sizes
from vitrina.store.paths import check_folder, is_file, to_path
from vitrina.store.s3_access import check_s3

READERS = 16  # shards whose schema is read at a time; each takes two requests on S3


@dataclass(frozen=True)
class StoredRun:
    """A finished embedding in a store, and what its manifest says of it."""

    store: Store
    embedding: Embedding
    result: EmbedResult

    @property
    def folder(self) -> UPath:
        """The folder of the embedding."""
        return self.embedding.artifact.path

    @cached_property
    def npz(self) -> Path:
        """The NPZ, or its copy in the user's cache. UserError if it is not the run's own."""
        name = PurePosixPath(self.result.npz).name
        local = local_copy(self.folder, [name]) / name
        try:
            found = checksums(local)
        except zipfile.BadZipFile as error:
            raise UserError(f"{self.folder / name} is no NPZ: {error}. {self._remedy}") from error
        if found != self.result.checksums:
            raise UserError(
                f"{self.folder / name} holds other vectors than the run has written, so the model "
                f"that made them is not known. {self._remedy}"
            )
        return local

    def check_shards(self) -> None:
        """Raise UserError naming a shard whose metadata name another model or other templates."""
        own = self.result.origin
        with ThreadPoolExecutor(READERS) as pool:
            shards = self.embedding.shards
            for shard, origin in zip(shards, pool.map(read_origin, shards), strict=True):
                if origin is None:
                    raise UserError(f"{shard} does not name its model. {self._remedy}")
                for field in ("model", "templates", "text", "several_images", "arithmetic"):
                    found, expected = getattr(origin, field), getattr(own, field)
                    if found != expected:
                        raise UserError(
                            f"{shard} holds vectors of another origin: {field} {found!r}, and the "
                            f"run's is {expected!r}. {self._remedy}"
                        )

    @property
    def _remedy(self) -> str:
        return f"Remove {self.folder}, and run the pipeline again on this output."

    def table(self) -> UPath:
        """The table that was embedded, or an equal one that a later run has made."""
        table = to_path(self.moved(self.result.table))
        if is_file(table):
            return table
        latest = self.store.latest("resize")
        manifest = latest.manifest() if latest else None
        if manifest:
            other = ResizeResult.model_validate(manifest.result).table
            if other.fingerprint == self.embedding.manifest.parameters.get("table"):
                return to_path(other.path)
        raise UserError(
            f"{table}, the table that {self.folder} was embedded from, is missing. Restore it, or "
            "run the pipeline again on this output."
        )

    def model(self) -> UPath:
        """The folder of the model that made the vectors. UserError if it is not there any more."""
        origin = self.result.origin
        kept = to_path(kept_model(self.store, origin.model).folder)
        if Artifact(kept).manifest():
            return kept
        recorded = to_path(self.moved(origin.model_folder))
        if not missing_files(recorded) and folder_fingerprint(recorded) == origin.model:
            return recorded
        raise UserError(
            f"The model {origin.model}, which made the vectors in {self.folder}, is missing: it "
            f"was expected in {kept}. Restore it, or run the pipeline again on this output."
        )

    def moved(self, path: str) -> str:
        """A recorded path below the store's present root; the store may have been moved."""
        manifest = self.embedding.manifest
        root = manifest.made_in.removesuffix(f"/{STAGE}/{manifest.key}")
        below = path.removeprefix(f"{root}/")
        return path if below == path else str(self.store.path / below)


def find_run(output: str) -> StoredRun:
    """The latest finished run in the output folder of a pipeline, local or s3://.

    Raises UserError that says what is missing.
    """
    root = to_path(output)
    check_s3(str(root))
    check_folder(root)
    check_layout(root)
    store = Store(root=str(root))
    artifact = _latest(store)
    manifest = artifact.manifest()
    if manifest is None:
        raise UserError(_incomplete(artifact))
    try:
        result = EmbedResult.model_validate(manifest.result)
    except ValidationError as error:
        raise UserError(
            f"{artifact.path} was embedded by an older Vitrina, which did not record the model "
            "and the templates of its vectors. Run the pipeline again on this output."
        ) from error
    return StoredRun(store, Embedding(artifact, manifest), result)


def _latest(store: Store) -> Artifact:
    key = store.latest_key(STAGE)
    if key is None:
        raise UserError(
            f"{store.root} holds no finished embedding: there is no {STAGE}/latest. Give the "
            f"--output of a pipeline, or run: python flows/pipeline.py --output {store.root}"
        )
    return store.artifact(STAGE, key)


def _incomplete(artifact: Artifact) -> str:
    """Which file of an embedding is missing or has another size than was written."""
    remedy = "Run the pipeline again on this output."
    try:
        manifest = Manifest.model_validate(json.loads(read_bytes(artifact.manifest_path)))
    except (UserError, ValueError):
        return f"{artifact.path} is no finished embedding: its manifest is missing. {remedy}"
    found = sizes(artifact.path, manifest.files)
    name = next(one for one in manifest.files if found.get(one) != manifest.files[one])
    if name not in found:
        return f"{artifact.path / name} is missing. {remedy}"
    return (
        f"{artifact.path / name} has {found[name]:,} bytes, and the run has written "
        f"{manifest.files[name]:,}: it was replaced or cut off. {remedy}"
    )
