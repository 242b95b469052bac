"""Stage "clean": the usable rows of a catalogue, with normalized texts."""

from collections.abc import Sequence

from tasks.orchestration.stage import StageTask
from vitrina.catalog.cleaning import clean_catalog
from vitrina.catalog.source.catalog_source import catalog_fingerprint
from vitrina.catalog.source.parts import catalog_paths
from vitrina.config.catalog import CleanConfig
from vitrina.config.run_options import RunOptions
from vitrina.results import CleanResult
from vitrina.store.artifacts import Store
from vitrina.store.stage import Stage, StageOutcome

STAGE = Stage("clean", CleanResult, "vitrina.catalog.cleaning:clean_catalog")


@StageTask
def clean(
    catalog: str | Sequence[str], store: Store, config: CleanConfig, options: RunOptions
) -> StageOutcome[CleanResult]:
    """The cleaned table of a catalogue. Raises UserError if it cannot be read as one."""
    paths = catalog_paths(catalog)
    return STAGE.find_or_make(
        store,
        {"catalog": catalog_fingerprint(paths), "parameters": config.content()},
        lambda artifact: clean_catalog(paths, artifact, config),
        refresh=options.refresh,
    )
