"""TODO."""

from tasks.orchestration.stage import retried
from vitrina.catalog.cleaning import clean_catalog
from vitrina.config import CleanConfig
from vitrina.results import CleanResult
from vitrina.store.artifacts import Store
from vitrina.store.fingerprint import file_fingerprint
from vitrina.store.paths import location
from vitrina.store.stage import Stage

STAGE = Stage("clean", CleanResult, __name__)


@retried
def clean(catalog: str, store: Store, config: CleanConfig, refresh: bool = False) -> CleanResult:
    """Prefect's face of :func:`clean_catalog`: the stored table of this catalogue, or a new one."""
    place = location(catalog)
    return STAGE.run(
        store,
        {"catalog": file_fingerprint(place), "parameters": config.content()},
        lambda artifact: clean_catalog(place, artifact, config),
        refresh=refresh,
    )
