"""The feed of an output: for each run the changes since the run before it, as an artifact."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.embedding.stored import STAGE as EMBED
from vitrina.embedding.stored import Embedding
from vitrina.errors import UserError
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.feed.changes import write_changes
from vitrina.feed.listing_keys import open_keys, run_keys, write_keys
from vitrina.results import ChangesResult, EmbedResult
from vitrina.store.artifacts import Artifact, Manifest, Store
from vitrina.store.paths import to_path

STAGE = "changes"
CHANGES, KEYS = "changes.parquet", "keys"


@dataclass(frozen=True)
class Feed:
    """The stored changes of a run."""

    artifact: Artifact
    manifest: Manifest

    @property
    def result(self) -> ChangesResult:
        """The result, with the paths that its files have now: the store may have been moved."""
        result = ChangesResult.model_validate(self.manifest.result)
        names = [PurePosixPath(path).name for path in result.keys]
        return result.model_copy(
            update={
                "changes": str(self.artifact.path / CHANGES),
                "keys": tuple(str(self.artifact.path / KEYS / name) for name in names),
            }
        )


def latest_feed(store: Store) -> Feed | None:
    """The changes of the output's last finished run; None before the first."""
    artifact = store.latest(STAGE)
    manifest = artifact.manifest() if artifact else None
    return Feed(artifact, manifest) if artifact and manifest else None


def stored_embedding(store: Store, embedded: EmbedResult) -> Embedding:
    """The embedding of a result. Raises UserError if it was removed since."""
    artifact = store.artifact(EMBED, to_path(embedded.npz).parent.name)
    manifest = artifact.manifest()
    if manifest is None:
        raise UserError(f"{artifact.path} was removed during the run. Run the pipeline again.")
    return Embedding(artifact, manifest)


def feed_inputs(run: Embedding, previous: Feed | None) -> dict[str, Any]:
    """What decides a feed: the two runs, and the feed before, so that no two are the same.

    An output that returns to an earlier model or catalogue has been in that state before.
    """
    return {
        "from_run": previous.result.to_run if previous else "",
        "to_run": run.manifest.key,
        "after": previous.manifest.key if previous else "",
    }


def write_feed(
    artifact: Artifact,
    run: Embedding,
    previous: Feed | None,
    root: str,
    progress: OnProgress = no_progress,
) -> tuple[ChangesResult, list[str]]:
    """Compare a run with the previous one; returns the result and the names of its files.

    ``root`` is that of the store.
    """
    embedded = EmbedResult.model_validate(run.manifest.result)
    vectors = str(run.manifest.parameters["settings"])
    before = previous.result if previous else None
    ends = {"from_run": before.to_run if before else "", "to_run": run.manifest.key}
    with flat_memory():
        found = run_keys(to_path(embedded.table), run.shards, root)
        names = [f"{KEYS}/{name}" for name in write_keys(artifact.path / KEYS, found)]
        paths = [artifact.path / name for name in names]
        with (
            open_keys([to_path(path) for path in before.keys] if before else []) as old,
            open_keys(paths) as new,
        ):
            counts = write_changes(
                artifact.path / CHANGES,
                old,
                new,
                ends | {"model": embedded.origin.model},
                progress,
                same_vectors=before is None or before.vectors == vectors,
            )
    result = ChangesResult(
        **ends,
        changes=str(artifact.path / CHANGES),
        keys=tuple(map(str, paths)),
        vectors=vectors,
        counts=counts,
    )
    return result, [CHANGES, *names]
