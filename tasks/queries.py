"""Stage "queries": clean the table of queries that people typed."""

from collections.abc import Sequence

from tasks.orchestration.stage import StageTask
from vitrina.catalog.queries.clean_queries import clean_queries
from vitrina.catalog.source.catalog_source import catalog_fingerprint
from vitrina.catalog.source.parts import catalog_paths
from vitrina.config.queries import QueryTableConfig
from vitrina.config.run_options import RefreshOption
from vitrina.results import QueriesResult, TableRef
from vitrina.store.artifacts import Store
from vitrina.store.paths import to_path
from vitrina.store.stage import Stage, StageOutcome

STAGE = Stage("queries", QueriesResult, "vitrina.catalog.queries.clean_queries:clean_queries")


@StageTask
def queries(
    typed: Sequence[str],
    table: TableRef,
    store: Store,
    config: QueryTableConfig,
    options: RefreshOption,
) -> StageOutcome[QueriesResult]:
    """The queries for listings of a processed table, with a weight for each pair."""
    paths = catalog_paths(typed)
    inputs = {
        "queries": catalog_fingerprint(paths),
        "table": table.fingerprint,
        "parameters": config.content(),
    }
    return STAGE.find_or_make(
        store,
        inputs,
        lambda artifact: clean_queries(paths, to_path(table.path), artifact, config),
        refresh=options.refresh,
    )
