"""Stage "index": a table of all listings with their vectors, to search in."""

from collections.abc import Sequence

from tasks.orchestration import prefect_ui
from tasks.orchestration.stage import StageTask
from vitrina.config.evaluation import MeasureConfig
from vitrina.config.index import IndexConfig
from vitrina.config.run_options import RefreshOption
from vitrina.embedding.pipeline import EmbeddingPipeline
from vitrina.embedding.shard_file import Vectors
from vitrina.feed.run_changes import stored_embedding
from vitrina.index.build import IndexRequest, build_index
from vitrina.index.lance import has_version
from vitrina.index.stored import CODE, index_inputs, latest_index, table_path
from vitrina.index.stored import STAGE as NAME
from vitrina.index.vectors import RunVectors
from vitrina.index.weight import WeightChoice, choose_weight
from vitrina.results import EmbedResult, IndexResult, TableRef
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.paths import to_path
from vitrina.store.stage import Stage, StageOutcome

STAGE = Stage(NAME, IndexResult, CODE)


# Six parameters: what is indexed, where to, and a group for each choice.
@StageTask
def index(
    table: TableRef,
    embedded: EmbedResult,
    store: Store,
    config: IndexConfig,
    measuring: MeasureConfig,
    options: RefreshOption,
) -> StageOutcome[IndexResult]:
    """Bring the LanceDB table of the model to the rows of the run.

    Only the latest index counts as stored: an earlier version of its table may have been pruned,
    and to return to it costs no more than the rows that differ.
    """
    path, latest = table_path(store, embedded, config), latest_index(store)
    inputs = index_inputs(table, embedded, config, measuring)

    def make(_artifact: Artifact) -> tuple[IndexResult, tuple[str, ...]]:
        request = IndexRequest(
            table=to_path(table.path),
            vectors=vectors(),
            path=path,
            config=config,
            previous=latest.result if latest and latest.result.table == str(path) else None,
            refresh=options.refresh,
        )
        with prefect_ui.progress("index", "row", "Listings indexed") as progress:
            return build_index(request, choose, progress), ()

    def vectors() -> RunVectors:
        return RunVectors(stored_embedding(store, embedded).shards, to_path(embedded.npz))

    def encode(texts: Sequence[str]) -> Vectors:
        origin = embedded.origin
        model = EmbeddingPipeline(origin.model_folder, templates=origin.templates)
        return model.encode_texts(texts)

    def choose() -> WeightChoice:
        return choose_weight(to_path(table.path), vectors(), measuring, encode)

    is_stored = (
        latest is not None
        and latest.key == STAGE.key(inputs)
        and has_version(path, latest.result.version)
    )
    refresh = options.refresh or not is_stored
    return STAGE.find_or_make(store, inputs, make, refresh=refresh)
