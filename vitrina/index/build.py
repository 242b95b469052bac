"""Make the index of a run: bring its table up to date, and prepare approximate search."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from upath import UPath

from vitrina.config.index import IndexConfig
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.index.approximate import (
    ApproximateSearch,
    exact_neighbours,
    found_by_run,
    found_by_table,
    make_indexes,
    tune,
)
from vitrina.index.columns import VECTORS
from vitrina.index.differences import RowKeys
from vitrina.index.full_vectors import FullVectors
from vitrina.index.lance import lance_errors
from vitrina.index.rows import RunRows
from vitrina.index.stored_vectors import VectorForm, vector_form
from vitrina.index.update import Update, table_keys, update_table
from vitrina.index.vectors import RunVectors
from vitrina.index.weight import WeightChoice
from vitrina.results import IndexResult
from vitrina.store.files import local_read

logger = logging.getLogger(__name__)

REBUILD_SHARE = 0.3  # of the rows changed since all were written: then all are written again
ATTEMPTS = 3


@dataclass(frozen=True)
class IndexRequest:
    """The run to index, its table and its vectors, and the folder of the LanceDB table.

    ``previous`` is the result that ``path`` had in the last finished run, if any.
    """

    table: UPath
    vectors: RunVectors
    path: UPath
    config: IndexConfig
    previous: IndexResult | None = None
    refresh: bool = False

    @property
    def form(self) -> VectorForm:
        """What the table holds of each vector."""
        return vector_form(self.config, self.vectors.size)

    @property
    def is_whole(self) -> bool:
        """Whether it holds all of it."""
        return self.form.is_whole(self.vectors.size)


def build_index(
    request: IndexRequest,
    choose: Callable[[], WeightChoice],
    progress: OnProgress = no_progress,
) -> IndexResult:
    """Bring the table to the rows of the run, and make what approximate search needs.

    ``choose`` is called for the image's weight unless it is given, or the table has one already.
    Another run may write to the same table at the same time: then the rows are compared again.
    Raises UserError if ``index.dim`` is above what the vectors have, and RuntimeError if the rows
    never come out as wanted.
    """
    form = request.form
    weight = _weight(request, choose)
    with local_read(request.table) as local, lance_errors(request.path):
        columns = request.config.columns
        rows = RunRows(local, request.vectors, columns, weight.image_weight, form)
        wanted = RowKeys.of(rows.row_keys())
        for attempt in range(ATTEMPTS):
            anew = _is_worn(request) or attempt == ATTEMPTS - 1
            done = update_table(request.path, rows, wanted, progress, anew=anew)
            search = _searched(request, done, len(wanted), weight.image_weight)
            if table_keys(done.table).checksum == wanted.checksum:
                return _result(request, rows, done, weight, search)
            logger.warning("index: another run writes to %s; comparing it again", request.path)
    raise RuntimeError(f"{request.path} is written to by another run all the time. Run again.")


def _weight(request: IndexRequest, choose: Callable[[], WeightChoice]) -> WeightChoice:
    """As given; or that of the table, since a new one would change every row; or a choice."""
    if request.config.image_weight is not None:
        return WeightChoice(request.config.image_weight, {})
    if request.previous and request.previous.weight_mrr and not request.refresh:
        known = {float(one): mrr for one, mrr in request.previous.weight_mrr.items()}
        return WeightChoice(request.previous.image_weight, known)
    return choose()


def _is_worn(request: IndexRequest) -> bool:
    """Whether so many rows were changed one by one that all should be written again."""
    before = request.previous
    worn = before is not None and before.changed_since_build > REBUILD_SHARE * before.rows
    return request.refresh or worn


def _searched(
    request: IndexRequest, done: Update, rows: int, image_weight: float
) -> ApproximateSearch:
    """How the table is searched; the index for it is made if there is none that serves."""
    if rows <= request.config.exact_below:
        return ApproximateSearch(0, {})
    before = request.previous
    if before and before.approximate and not done.is_new:
        recalls = [one.recall_at_10 for one in before.approximate.values()]
        if min(recalls) >= request.config.min_recall:
            return ApproximateSearch(before.partitions, before.approximate)
    partitions = make_indexes(done.table, rows, request.config.code_bits)
    truth = exact_neighbours(request.vectors, image_weight)
    if request.is_whole:
        find = found_by_table(done.table, truth.queries)
    else:
        full = FullVectors(request.vectors, image_weight)
        find = found_by_run(done.table, truth.queries, full)
    found = {
        column: tune(find, column, truth, partitions, request.config.min_recall)
        for column in VECTORS
    }
    return ApproximateSearch(partitions, {name: one for name, one in found.items() if one})


def _result(
    request: IndexRequest,
    rows: RunRows,
    done: Update,
    weight: WeightChoice,
    search: ApproximateSearch,
) -> IndexResult:
    before = request.previous.changed_since_build if request.previous else 0
    return IndexResult(
        table=str(request.path),
        version=done.table.version,
        rows=done.table.count_rows(),
        rows_written=done.written,
        rows_removed=done.removed,
        changed_since_build=0 if done.is_new else before + done.written + done.removed,
        columns=rows.filter_columns,
        dim=request.form.dim,
        storage=request.form.storage,
        is_whole=request.is_whole,
        image_weight=weight.image_weight,
        weight_mrr={f"{one:.1f}": mrr for one, mrr in weight.mrr.items()},
        partitions=search.partitions,
        approximate=search.by_column,
    )
