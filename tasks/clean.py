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
    catalog: str | Sequence[str],
    store: Store,
    config: CleanConfig,
    options: RunOptions,
    image_column: str = "",
) -> StageOutcome[CleanResult]:
    """The cleaned table of a catalogue, of which ``image_column`` may hold images as bytes.

    Raises UserError if it cannot be read as one.
    """
    paths = catalog_paths(catalog)
    inputs = {"catalog": catalog_fingerprint(paths), "parameters": config.content()}
    if image_column:
        inputs["image_column"] = image_column
    return STAGE.find_or_make(
        store,
        inputs,
        lambda artifact: clean_catalog(paths, artifact, config, image_column),
        refresh=options.refresh,
    )
