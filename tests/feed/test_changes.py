"""The difference between two runs, and that it brings a copy of the first to the second."""

from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from vitrina.feed import listing_keys
from vitrina.feed.changes import write_changes
from vitrina.feed.listing_keys import KEYS, open_keys, schema, write_keys

Rows = dict[int | str, tuple[str, str, str]]
rows_of_keys = st.dictionaries(
    st.integers(-3, 40), st.tuples(*[st.sampled_from(["a", "b"])] * 3), max_size=30
)


def keys_table(rows: Rows, nm_type: pa.DataType) -> pa.Table:
    """The keys of listings in this order."""
    ids = pa.array([nm if nm_type == pa.int64() else str(nm) for nm in rows], nm_type)
    columns = [[one[at] for one in rows.values()] for at in range(3)]
    arrays = [ids, pa.array(np.arange(len(rows))), *(pa.array(one, pa.string()) for one in columns)]
    return pa.Table.from_arrays(arrays, schema=schema(nm_type))


def changes_between(
    folder: Path,
    before: Rows,
    after: Rows,
    types: tuple[pa.DataType, pa.DataType] = (pa.int64(), pa.int64()),
    *,
    same_vectors: bool = True,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The content of changes.parquet, by nm, and the counts."""
    paths = []
    for name, rows, nm_type in zip(("before", "after"), (before, after), types, strict=True):
        names = write_keys(UPath(folder / name), [keys_table(rows, nm_type)])
        paths.append([UPath(folder / name / part) for part in names])
    out = UPath(folder / "changes.parquet")
    with open_keys(paths[0]) as old, open_keys(paths[1]) as new:
        counts = write_changes(out, old, new, {"from_run": "1"}, same_vectors=same_vectors)
    return pq.read_table(folder / "changes.parquet").to_pandas().set_index("nm"), dict(counts)


@given(rows_of_keys, rows_of_keys, st.booleans())
def test_a_copy_that_applies_the_changes_equals_the_new_run(
    tmp_path_factory: pytest.TempPathFactory, before: Rows, after: Rows, same_vectors: bool
) -> None:
    """Listings taken by ``row``, and only the parts whose flag is set; nothing else is listed."""
    folder = tmp_path_factory.mktemp("changes")
    changes, counts = changes_between(folder, before, after, same_vectors=same_vectors)
    copy, ids = {nm: list(keys) for nm, keys in before.items()}, list(after)
    for nm, change in changes.iterrows():
        if change["change"] == "removed":
            assert change[["row", *KEYS]].isna().all()
            del copy[nm]
            continue
        assert ids[int(change["row"])] == nm
        assert tuple(change[list(KEYS)]) == after[nm]
        kept = copy.setdefault(nm, [None, None, None])
        for at, flag in enumerate(("text", "img", "columns")):
            if change[flag]:
                kept[at] = after[nm][at]
    assert copy == {nm: list(keys) for nm, keys in after.items()}
    same = {nm for nm in before if after.get(nm) == before[nm]} if same_vectors else set()
    assert counts.pop("unchanged") == len(same)
    assert not same & set(changes.index)
    assert counts == {kind: int((changes["change"] == kind).sum()) for kind in counts}


def test_another_model_changes_every_vector(tmp_path: Path) -> None:
    """Of the listings that stayed; whether their columns changed is still told."""
    before = {1: ("a", "a", "a"), 2: ("a", "a", "a"), 3: ("a", "a", "a")}
    after = {2: ("a", "a", "b"), 3: ("a", "a", "a"), 4: ("a", "a", "a")}
    changes, counts = changes_between(tmp_path, before, after, same_vectors=False)
    assert changes["change"].to_dict() == {1: "removed", 2: "model", 3: "model", 4: "added"}
    assert changes.loc[[2, 3], ["text", "img"]].all(axis=None)
    assert changes["columns"].to_dict() == {1: False, 2: True, 3: False, 4: True}
    assert counts["unchanged"] == 0


def test_ids_that_became_texts_are_the_same_listings(tmp_path: Path) -> None:
    """The feed then has texts, whichever run had integers."""
    types = (pa.int64(), pa.string())
    changes, counts = changes_between(tmp_path, {7: ("a", "a", "a")}, {7: ("b", "a", "a")}, types)
    assert changes[["change", "text", "img"]].to_dict("index") == {
        "7": {"change": "changed", "text": True, "img": False}
    }
    assert counts["added"] == counts["removed"] == 0


def test_the_first_run_adds_everything(tmp_path: Path) -> None:
    """There are no keys before it; the metadata of the schema name both ends."""
    changes, counts = changes_between(tmp_path, {}, {"б/2": ("a", "a", "a")}, (pa.string(),) * 2)
    assert changes.loc["б/2", ["change", "row"]].tolist() == ["added", 0]
    assert counts == {"added": 1, "changed": 0, "removed": 0, "model": 0, "unchanged": 0}
    metadata = pq.read_schema(tmp_path / "changes.parquet").metadata
    assert metadata[b"vitrina.from_run"] == b"1"


def test_keys_of_many_listings_are_in_several_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Buckets join the parts, and every listing is in exactly one bucket."""
    monkeypatch.setattr(listing_keys, "PART_ROWS", 100)
    tables = [
        keys_table(dict.fromkeys(range(start, start + 60), ("a", "b", "c")), pa.int64())
        for start in range(0, 300, 60)
    ]
    names = write_keys(UPath(tmp_path), tables)
    assert len(names) == 3
    with open_keys([UPath(tmp_path / name) for name in names]) as keys:
        found = [keys.read([one], pa.int64())["nm"].to_pylist() for one in range(64)]
        assert keys.rows == 300
    assert sorted(chain.from_iterable(found)) == list(range(300))
    assert sum(map(bool, found)) > 50
