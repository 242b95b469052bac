"""Which table the vectors of a run are in."""

import pytest

from tests.support.vector_run import ORIGIN
from vitrina.config.index import IndexConfig
from vitrina.index.stored import table_path
from vitrina.results import EmbedResult
from vitrina.store.artifacts import Store

EMBEDDED = EmbedResult(
    table="t.parquet",
    origin=ORIGIN,
    checksums={},
    npz="e.npz",
    parquet="e.parquet",
    rows=3,
    embed_dim=16,
    rows_embedded=3,
)


@pytest.mark.parametrize(
    "other",
    [
        IndexConfig(dim=8),
        IndexConfig(storage="float16"),
        IndexConfig(code_bits=1),
        IndexConfig(columns=("price",)),
    ],
    ids=lambda config: str(config.content()),
)
def test_vectors_stored_otherwise_are_in_another_table(other: IndexConfig) -> None:
    """As those of another model are."""
    store = Store(root="output")
    path = table_path(store, EMBEDDED, IndexConfig())
    assert table_path(store, EMBEDDED, other) != path
    model = EMBEDDED.model_copy(update={"origin": ORIGIN.model_copy(update={"model": "other"})})
    assert table_path(store, model, IndexConfig()) != path


def test_what_does_not_change_the_rows_keeps_the_table() -> None:
    """The length of the whole vectors, and how they are searched."""
    store = Store(root="output")
    path = table_path(store, EMBEDDED, IndexConfig())
    assert table_path(store, EMBEDDED, IndexConfig(dim=16)) == path
    assert table_path(store, EMBEDDED, IndexConfig(exact_below=7, min_recall=0.5)) == path
