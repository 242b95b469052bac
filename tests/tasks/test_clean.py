"""The clean stage as a task."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.clean import clean
from vitrina.config.catalog import CleanConfig
from vitrina.config.run_options import RunOptions
from vitrina.store.artifacts import Store


def test_the_task_runs_once_per_content(tmp_path: Path) -> None:
    """A second run is cached, also with another batch size; another column or row is not."""
    catalog, store, options = tmp_path / "c.parquet", Store(root=str(tmp_path / "s")), RunOptions()

    def write(nm: list[int]) -> None:
        texts = {"title": ["Платье"] * 2, "description": ["Летнее платье"] * 2}
        pq.write_table(pa.table({"nm": nm} | texts), catalog)

    write([1, 2])
    first = clean.fn(str(catalog), store, CleanConfig(), options)
    assert not first.found_in
    cached = clean.fn(str(catalog), store, CleanConfig(batch_rows=1), options)
    assert cached.found_in
    assert cached.result == first.result
    other = clean.fn(str(catalog), store, CleanConfig(title_column="description"), options)
    write([1, 3])
    changed = clean.fn(str(catalog), store, CleanConfig(), options)
    assert clean.__name__ == "clean"
    assert len({outcome.result.fingerprint for outcome in (first, other, changed)}) == 3
