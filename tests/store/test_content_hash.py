"""A table's hash is that of its values, however they are stored."""

import pyarrow as pa
import pytest

from vitrina.store.content_hash import ContentHash

TABLE = pa.table({"nm": [1, 2, 3], "title": ["ваза", None, "\udcff".encode("utf-8", "ignore")]})


def content_hash(table: pa.Table, batch_rows: int = 10) -> str:
    """The hash of a table that comes in batches."""
    content = ContentHash()
    for batch in table.to_batches(batch_rows):
        content.update(batch)
    return content.hexdigest()


def test_batches_of_any_size_give_the_same_hash() -> None:
    """One batch of three rows, or three batches of one."""
    assert content_hash(TABLE) == content_hash(TABLE, batch_rows=1)


@pytest.mark.parametrize(
    "other",
    [
        TABLE.slice(0, 2),
        TABLE.take([1, 0, 2]),
        TABLE.rename_columns(["id", "title"]),
        TABLE.select(["title", "nm"]),
        TABLE.set_column(0, "nm", pa.array([1, 2, 3], pa.int32())),
        TABLE.set_column(0, "nm", pa.array([1, 23, None])),
        TABLE.set_column(1, "title", pa.array(["ваза", "None", ""])),
    ],
    ids=["rows", "row-order", "name", "column-order", "type", "values", "missing-value"],
)
def test_every_difference_gives_another_hash(other: pa.Table) -> None:
    """Rows, their order, names, types, values, and a missing value that is now the text None."""
    assert content_hash(other) != content_hash(TABLE)


def test_text_that_is_no_utf8_has_a_hash() -> None:
    """Lone surrogates, which a writer may have let through, are hashed too."""
    table = pa.table({"title": pa.array([b"\xff", b"\xfe"], pa.binary())})
    assert content_hash(table) != content_hash(table.slice(0, 1))
