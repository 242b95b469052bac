"""Reading Parquet: damage anywhere in a file, old timestamps, and rows of megabytes."""

import errno
from pathlib import Path
from random import Random

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitrina.catalog.parquet_batches import (
    MAX_BATCH_BYTES,
    ParquetReader,
    damage_as_user_error,
    read_schema,
)
from vitrina.errors import UserError
from vitrina.store.paths import to_path

ROWS = 300
TEXTS = [f"Платье {Random(row).random()}" for row in range(ROWS)]
TABLE = pa.table({"nm": range(ROWS), "title": TEXTS, "tags": [[text] for text in TEXTS]})


def reader(path: Path) -> ParquetReader:
    """The reader of a local file."""
    return ParquetReader(path, to_path(path))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file of three row groups."""
    path = tmp_path_factory.mktemp("parquet") / "whole.parquet"
    pq.write_table(TABLE, path, row_group_size=100, write_page_checksum=True)
    return path.read_bytes()


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_damage_anywhere_is_named_or_changes_nothing(
    data: st.DataObject, whole: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Overwritten, zeroed or cut off, in a page, its header or the footer: never another error."""
    damaged = bytearray(whole)
    start = data.draw(st.integers(0, len(whole) - 1))
    kind = data.draw(st.sampled_from(["overwritten", "zeroed", "cut off"]))
    if kind == "cut off":
        del damaged[start:]
    else:
        byte = b"\xff" if kind == "overwritten" else b"\0"
        length = data.draw(st.sampled_from([1, 4, 40]))
        damaged[start : start + length] = byte * len(damaged[start : start + length])
    path = tmp_path_factory.mktemp("damaged") / "damaged.parquet"
    path.write_bytes(damaged)
    message = ""
    try:
        for _ in reader(path).batches(50):
            pass
    except UserError as error:
        message = str(error)
    assert not message or message.startswith(f"{path} is not a Parquet file, or is damaged")
    assert message.isprintable()  # not with bytes of the file that would disturb a terminal


def test_a_page_that_decodes_to_something_else_is_found_by_its_checksum(
    tmp_path: Path,
) -> None:
    """Where the writer stored checksums, as Spark does."""
    path = tmp_path / "c.parquet"
    options = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    pq.write_table(TABLE.select(["title"]), path, write_page_checksum=True, **options)
    content = path.read_bytes().replace(TEXTS[7].encode(), TEXTS[7].encode()[::-1])
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"c\.parquet.* is damaged: .*CRC"):
        list(reader(path).batches(50))


def test_an_empty_file_is_damaged(tmp_path: Path) -> None:
    """As are zeros, which a full disk may leave."""
    for content in (b"", bytes(5_000)):
        (tmp_path / "c.parquet").write_bytes(content)
        with pytest.raises(UserError, match=r"c\.parquet is not a Parquet file, or is damaged"):
            read_schema(to_path(tmp_path / "c.parquet"))


def test_errors_of_the_system_are_not_blamed_on_the_file() -> None:
    """A full disk says so itself."""
    with (
        pytest.raises(OSError, match="No space left"),
        damage_as_user_error(to_path("c.parquet")),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_old_timestamps_of_spark_hold_any_year(tmp_path: Path) -> None:
    """In nanoseconds, year 9999 would silently become 1816."""
    stamps = pa.array([-62_135_596_800, 253_402_300_799, None], pa.timestamp("s"))
    lists = pa.ListArray.from_arrays([0, 1, 2, 3], stamps)
    table = pa.table({"stamp": stamps, "list": lists})
    pq.write_table(table, tmp_path / "c.parquet", use_deprecated_int96_timestamps=True)
    (batch,) = reader(tmp_path / "c.parquet").batches(10)
    assert batch.column(0).cast(pa.timestamp("s")) == stamps
    assert batch.column(1).flatten().cast(pa.timestamp("s")) == stamps


def test_consecutive_ids_in_pandas_index_are_a_column(tmp_path: Path) -> None:
    """Pandas writes them as two numbers; in every batch they go on where they were."""
    frame = pd.DataFrame({"title": list("абвгд")}, index=pd.RangeIndex(90, 40, -10, name="nm"))
    frame.to_parquet(tmp_path / "c.parquet")
    assert read_schema(to_path(tmp_path / "c.parquet")).names == ["title", "nm"]
    for columns in (None, ["nm"], ["nm", "title"]):
        batches = list(reader(tmp_path / "c.parquet").batches(2, columns))
        assert [batch["nm"].to_pylist() for batch in batches] == [[90, 80], [70, 60], [50]]
    assert next(reader(tmp_path / "c.parquet").batches(2, ["title"])).schema.names == ["title"]


@pytest.mark.parametrize("equal", [True, False])
def test_batches_of_large_rows_have_fewer_rows(tmp_path: Path, equal: bool) -> None:
    """Memory stays flat, also where the same image in every row is stored once."""
    random = Random(0)
    images = (
        [bytes(1_000_000)] * 200 if equal else [random.randbytes(1_000_000) for _ in range(200)]
    )
    pq.write_table(pa.table({"nm": range(200), "image": images}), tmp_path / "c.parquet")
    sizes = [batch.nbytes for batch in reader(tmp_path / "c.parquet").batches(2_000)]
    assert max(sizes) < 1.5 * MAX_BATCH_BYTES
    assert sum(batch.num_rows for batch in reader(tmp_path / "c.parquet").batches(2_000)) == 200
    assert [len(b) for b in reader(tmp_path / "c.parquet").batches(2_000, ["nm"])] == [200]
