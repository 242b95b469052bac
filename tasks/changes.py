"""Stage "changes": which listings a run has added, removed or changed since the run before."""

from tasks.orchestration import prefect_ui
from tasks.orchestration.stage import StageTask
from vitrina.feed.run_changes import STAGE as NAME
from vitrina.feed.run_changes import feed_inputs, latest_feed, stored_embedding, write_feed
from vitrina.results import ChangesResult, EmbedResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.stage import Stage, StageOutcome

STAGE = Stage(NAME, ChangesResult, "vitrina.feed.run_changes:write_feed")


@StageTask
def changes(embedded: EmbedResult, store: Store) -> StageOutcome[ChangesResult]:
    """The changes since the last finished run of this output; those of before if it is that run.

    Nothing is computed again with ``--refresh``: what the run before was is history.
    """
    run, previous = stored_embedding(store, embedded), latest_feed(store)
    if previous and previous.result.to_run == run.manifest.key:
        return StageOutcome(previous.result, str(previous.artifact.path))

    def make(artifact: Artifact) -> tuple[ChangesResult, list[str]]:
        with prefect_ui.progress("changes", "bucket", "Listings compared") as progress:
            return write_feed(artifact, run, previous, str(store.path), progress)

    return STAGE.find_or_make(store, feed_inputs(run, previous), make)
