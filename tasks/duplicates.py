"""Stage "duplicates": listings that are the same product with another title or image."""

from tasks.orchestration import prefect_ui
from tasks.orchestration.stage import StageTask
from vitrina.config.duplicates import DuplicatesConfig
from vitrina.config.run_options import RefreshOption
from vitrina.config.training import SplitConfig
from vitrina.duplicates.stored import STAGE as NAME
from vitrina.feed.run_changes import stored_embedding
from vitrina.results import DuplicatesResult, EmbedResult
from vitrina.search.stored_run import StoredRun
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.stage import Stage, StageOutcome

STAGE = Stage(NAME, DuplicatesResult, "vitrina.duplicates.artifact:write_duplicates")


# Five parameters, as other stages have: what it reads, where it writes, and how.
@StageTask
def duplicates(
    embedded: EmbedResult,
    store: Store,
    config: DuplicatesConfig,
    split: SplitConfig,
    options: RefreshOption,
) -> StageOutcome[DuplicatesResult]:
    """The pairs and groups of duplicates among the embedded listings.

    Raises UserError if the table lacks a column, or files of the embedding were replaced.
    """
    run = StoredRun(store, stored_embedding(store, embedded), embedded)

    def make(artifact: Artifact) -> tuple[DuplicatesResult, list[str]]:
        # scikit-learn takes a second to import
        from vitrina.duplicates.artifact import DuplicatesRequest, write_duplicates

        request = DuplicatesRequest(run.table(), run.npz, split, config, run.moved)
        with prefect_ui.progress("duplicates", "row", "Listings compared") as progress:
            return write_duplicates(request, artifact, progress)

    inputs = {
        "table": run.embedding.manifest.parameters["table"],
        "vectors": embedded.checksums,
        "parameters": config.content(),
        "split": split.model_dump(),
    }
    return STAGE.find_or_make(store, inputs, make, refresh=options.refresh)
