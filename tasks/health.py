"""Stage "health": listings that look wrong, with a score, a reason and samples."""

from upath import UPath

from tasks.orchestration import prefect_ui
from tasks.orchestration.stage import StageTask
from vitrina.config.health import HealthConfig
from vitrina.config.run_options import RefreshOption
from vitrina.config.training import SplitConfig
from vitrina.feed.run_changes import stored_embedding
from vitrina.results import DuplicatesResult, EmbedResult, HealthResult
from vitrina.search.stored_run import StoredRun
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.code_version import code_version
from vitrina.store.stage import Stage, StageOutcome

NAME = "health"
STAGE = Stage(NAME, HealthResult, "vitrina.health.artifact:write_health")
MEASURE = "vitrina.health.image_measures:measure_image"


def measured_files(store: Store, measuring: str) -> list[UPath]:
    """The measures of images of the latest health, if the same code has made them."""
    latest = store.latest(NAME)
    manifest = latest.manifest() if latest else None
    if latest is None or manifest is None or manifest.parameters.get("measuring") != measuring:
        return []
    return [latest.path / name for name in manifest.files if name.startswith("images/")]


# Six parameters: the two stages before, where it writes, and how.
@StageTask
def health(
    embedded: EmbedResult,
    duplicates: DuplicatesResult | None,
    store: Store,
    config: HealthConfig,
    split: SplitConfig,
    options: RefreshOption,
) -> StageOutcome[HealthResult]:
    """The listings that look wrong among the embedded ones.

    Images that the latest run with the same code has measured are not measured again. Raises
    UserError for a column that was set and is missing.
    """
    run = StoredRun(store, stored_embedding(store, embedded), embedded)
    measuring = code_version(MEASURE)

    def make(artifact: Artifact) -> tuple[HealthResult, list[str]]:
        # scikit-learn takes a second to import
        from vitrina.health.artifact import HealthRequest, write_health
        from vitrina.health.image_measures import read_parts

        request = HealthRequest(
            *(run.table(), run.npz, split, config, duplicates),
            measured=read_parts([] if options.refresh else measured_files(store, measuring)),
            locate=run.moved,
            refresh=options.refresh,
        )
        with prefect_ui.progress(NAME, "image", "Images measured") as progress:
            return write_health(request, artifact, progress)

    inputs = {
        "table": run.embedding.manifest.parameters["table"],
        "vectors": embedded.checksums,
        "duplicates": duplicates,
        "parameters": config.content(),
        "split": split.model_dump(),
        "measuring": measuring,
    }
    return STAGE.find_or_make(store, inputs, make, refresh=options.refresh)
