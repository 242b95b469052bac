"""Stage "clean": the usable rows of a catalogue, with normalized texts."""

from tasks.orchestration.stage import StageTask
from vitrina.catalog.cleaning import clean_catalog
from vitrina.config.catalog import CleanConfig
from vitrina.config.run_options import RunOptions
from vitrina.results import CleanResult
from vitrina.store.artifacts import Store
from vitrina.store.fingerprint import file_fingerprint
from vitrina.store.paths import to_path
from vitrina.store.stage import Stage, StageOutcome

STAGE = Stage("clean", CleanResult, "vitrina.catalog.cleaning:clean_catalog")


@StageTask
def clean(
    catalog: str, store: Store, config: CleanConfig, options: RunOptions
) -> StageOutcome[CleanResult]:
    """The cleaned table of a catalogue. Raises UserError if it cannot be read as one."""
    path = to_path(catalog)
    return STAGE.find_or_make(
        store,
        {"catalog": file_fingerprint(path), "parameters": config.content()},
        lambda artifact: clean_catalog(path, artifact, config),
        refresh=options.refresh,
    )
