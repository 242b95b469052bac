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


ODD = [
    pa.array([2**60, None, 0], pa.timestamp("us", "Mars/Olympus_Mons")),
    pa.array([-719_528, None, 6_585_322], pa.int32()).cast(pa.date32()),
    pa.array([1_500, None, 7], pa.time64("ns")),
    pa.array([2**62, None, 7], pa.duration("s")),
    pa.array([1.5, None, 2.5], pa.float16()),
    pa.array([1, None, 2], pa.decimal256(76, 5)),
    pa.array([b"abcd", None, b"efgh"], pa.binary(4)),
    pa.array([b"\xff", None, b"\xfe"]).view(pa.string()),
    pa.array(["a", None, "b"], pa.string_view()),
    pa.array(["a", None, "b"]).dictionary_encode(),
    pa.array([["a"], None, ["b", None]], pa.list_(pa.string_view())),
    pa.array([["a"], None, ["b", None]], pa.list_view(pa.string())),
    pa.array([["a", "b"], None, ["c", "d"]], pa.list_(pa.string(), 2)),
    pa.array([{"a": 1, "b": [1]}, None, {"a": None, "b": None}]),
    pa.array([[("a", 1)], None, [("b", None)]], pa.map_(pa.string(), pa.int8())),
    pa.array([True, None, False]),
    pa.ExtensionArray.from_storage(
        pa.uuid(), pa.array([bytes(16), None, b"7" * 16], pa.binary(16))
    ),
]


@pytest.mark.parametrize("column", ODD, ids=lambda column: str(column.type))
def test_a_column_of_any_type_has_a_hash(column: pa.Array) -> None:
    """Of values that Python cannot hold too; every value counts, the batch size does not."""
    table = pa.table({"x": column})
    whole = content_hash(table)
    assert whole == content_hash(table, batch_rows=1) == content_hash(table, batch_rows=2)
    others = {content_hash(table.slice(first, rows)) for first, rows in ((0, 2), (1, 2), (0, 1))}
    assert len(others | {whole}) == 4


def test_only_values_count_in_nested_columns() -> None:
    """Where a list begins and ends, which part is null, and the names of fields do."""
    columns = [
        pa.array([["a", "b"], ["c"]]),
        pa.array([["a"], ["b", "c"]]),
        pa.array([["ab"], ["c"]]),
        pa.array([["a", "b"], ["c", None]]),
        pa.array([None, ["a", "b", "c"]]),
        pa.array([[], ["a", "b", "c"]]),
        pa.array([{"a": "x"}, {"a": None}]),
        pa.array([{"a": "x"}, None]),
        pa.array([{"b": "x"}, None]),
    ]
    assert len({content_hash(pa.table({"x": column})) for column in columns}) == len(columns)


def test_how_a_column_is_stored_does_not_count() -> None:
    """A dictionary, a view or wide offsets hold the same values."""
    texts = pa.array(["a", None, "a"])
    stored = [
        texts,
        texts.dictionary_encode(),
        texts.cast(pa.large_string()),
        texts.cast(pa.string_view()),
        pa.concat_arrays([pa.array(["z"]), texts]).slice(1),
    ]
    assert len({content_hash(pa.table({"x": column})) for column in stored}) == 1


def test_a_batch_without_rows_changes_nothing() -> None:
    """A file may have one more or less than the table that was written."""
    content = ContentHash()
    for batch in (*TABLE.slice(0, 0).to_batches(), *TABLE.to_batches()):
        content.update(batch)
    content.update(pa.RecordBatch.from_pydict({"nm": [], "title": []}))
    assert content.hexdigest() == content_hash(TABLE)


def test_text_that_is_no_utf8_has_a_hash() -> None:
    """Lone surrogates, which a writer may have let through, are hashed too."""
    table = pa.table({"title": pa.array([b"\xff", b"\xfe"], pa.binary())})
    assert content_hash(table) != content_hash(table.slice(0, 1))
