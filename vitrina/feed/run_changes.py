"""The feed of an output: for each run the changes since the run before it, as an artifact."""

import logging
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from pydantic import ValidationError
from upath import UPath

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.embedding.stored import STAGE as EMBED
from vitrina.embedding.stored import Embedding
from vitrina.errors import UserError
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.feed.changes import write_changes
from vitrina.feed.listing_keys import open_keys, run_keys, write_keys
from vitrina.results import ChangesResult, EmbedResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.paths import to_path

logger = logging.getLogger(__name__)

STAGE = "changes"
CHANGES, KEYS = "changes.parquet", "keys"


class Feed(NamedTuple):
    """The stored changes of a run."""

    artifact: Artifact
    key: str
    made: datetime
    result: ChangesResult


def latest_feed(store: Store) -> Feed | None:
    """The changes of the output's last finished run; None before the first.

    Also if they were written by another version, in whose form they cannot be read any more.
    """
    artifact = store.latest(STAGE)
    manifest = artifact.manifest() if artifact else None
    if artifact is None or manifest is None:
        return None
    try:
        result = ChangesResult.model_validate(manifest.result)
    except ValidationError:
        logger.warning("changes: another version has written %s: not used", artifact.path)
        return None
    return Feed(artifact, manifest.key, manifest.created, _moved(result, artifact.path))


def _moved(result: ChangesResult, folder: UPath) -> ChangesResult:
    """The result with the paths that its files have now: the store may have been moved."""
    names = (PurePosixPath(path).name for path in result.listing_keys)
    keys = tuple(str(folder / KEYS / name) for name in names)
    return result.model_copy(update={"changes": str(folder / CHANGES), "listing_keys": keys})


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
        "after": previous.key if previous else "",
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
            open_keys([to_path(path) for path in before.listing_keys] if before else []) as old,
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
        listing_keys=tuple(map(str, paths)),
        vectors=vectors,
        counts=counts,
    )
    return result, [CHANGES, *names]
