"""Which files are one run, and what is said when they are not."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from upath import UPath

from tests.support.embedding import arrays
from tests.support.searched_run import SearchedRun, embed_again, embedded_run
from tests.support.shop import tiny_model
from vitrina.errors import UserError
from vitrina.results import ResizeResult, TableRef
from vitrina.search.run import open_run
from vitrina.search.stored_run import find_run
from vitrina.store.artifacts import Store
from vitrina.store.files import read_bytes, write_bytes
from vitrina.store.paths import to_path


@pytest.fixture
def copied(shop: SearchedRun, tmp_path: Path) -> SearchedRun:
    """A run of its own, to be damaged, where nothing else is left of it."""
    shutil.copytree(shop.store.root, tmp_path / "output", symlinks=True)
    return replace(shop, store=Store(root=str(tmp_path / "output")))


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    """Absent, empty, of an older layout, or with other stages only."""
    with pytest.raises(UserError, match="absent does not exist"):
        open_run(str(tmp_path / "absent"))
    with pytest.raises(UserError, match=r"no finished embedding.*--output"):
        open_run(str(tmp_path))
    (tmp_path / "vitrina-store.json").write_text('{"layout": 1}')
    with pytest.raises(UserError, match="layout 1"):
        open_run(str(tmp_path))


def test_a_bucket_without_a_run_is_refused(bucket: str) -> None:
    """Also a bucket that does not exist."""
    write_bytes(to_path(f"{bucket}/other/file"), b"")
    with pytest.raises(UserError, match="no finished embedding"):
        open_run(f"{bucket}/other")
    with pytest.raises(UserError, match="no bucket"):
        open_run("s3://absent-bucket/output")


def test_vectors_of_another_model_are_refused_by_name(copied: SearchedRun, tmp_path: Path) -> None:
    """An NPZ of the same size from another run, or one of another size."""
    other = embedded_run(to_path(tmp_path / "other"), tmp_path / "b", copied.rows)
    model = tiny_model(tmp_path / "c", copied.rows, 1)
    result = embed_again(other.store, copied.rows, model).result
    npz = copied.folder / "embeddings.npz"
    write_bytes(npz, read_bytes(to_path(result.npz)))
    with pytest.raises(UserError, match=r"embeddings\.npz holds other vectors.*run the pipeline"):
        open_run(copied.store.root)
    np.savez(Path(npz.path), **arrays(result) | {"more": np.zeros(1)})
    with pytest.raises(UserError, match=r"embeddings\.npz has [\d,]+ bytes, and the run has"):
        open_run(copied.store.root)
    npz.unlink()
    with pytest.raises(UserError, match=r"embeddings\.npz is missing"):
        open_run(copied.store.root)


@pytest.mark.parametrize("field", ["model", "templates", "arithmetic"])
def test_a_shard_of_another_origin_is_refused_by_name(field: str, copied: SearchedRun) -> None:
    """Its metadata say so, though its size may be the same."""
    shard = sorted((copied.folder / "embeddings.parquet").iterdir(), key=str)[1]
    table = pq.read_table(shard.path)
    key = f"vitrina.{field}".encode()
    value = table.schema.metadata[key].replace(b"f", b"g").replace(b"{}", b"()")
    value = value[:-1] + bytes([value[-1] ^ 1]) if field == "model" else value
    changed = table.replace_schema_metadata(table.schema.metadata | {key: value})
    pq.write_table(changed, shard.path, compression="none", use_dictionary=False)
    resize_in_manifest(copied, shard)
    with pytest.raises(UserError, match=rf"{shard.name} holds vectors of another origin: {field}"):
        open_run(copied.store.root)
    pq.write_table(table.replace_schema_metadata(None), shard.path)
    resize_in_manifest(copied, shard)
    with pytest.raises(UserError, match=rf"{shard.name} does not name its model"):
        open_run(copied.store.root)


def resize_in_manifest(run: SearchedRun, file: UPath) -> None:
    """Make the manifest expect the size that the file now has."""
    path = run.folder / "manifest.json"
    content = json.loads(read_bytes(path))
    content["files"][f"{file.parent.name}/{file.name}"] = file.stat().st_size
    write_bytes(path, json.dumps(content).encode())


def test_an_embedding_of_an_older_version_is_refused(copied: SearchedRun) -> None:
    """It does not say which model made it."""
    path = copied.folder / "manifest.json"
    content = json.loads(read_bytes(path))
    del content["result"]["origin"]
    write_bytes(path, json.dumps(content).encode())
    with pytest.raises(UserError, match=r"older Vitrina.*Run the pipeline again"):
        find_run(copied.store.root)


def test_the_model_may_be_kept_or_where_it_was(copied: SearchedRun) -> None:
    """In models/, else in the recorded folder if it still is that model; else it is named."""
    kept = Path(copied.store.root) / "models" / copied.model.fingerprint
    assert str(find_run(copied.store.root).model()) == str(kept)
    path = copied.folder / "manifest.json"
    content = json.loads(read_bytes(path))
    content["result"]["origin"]["model_folder"] = copied.model.folder
    write_bytes(path, json.dumps(content).encode())
    shutil.rmtree(kept)
    assert str(find_run(copied.store.root).model()) == copied.model.folder
    content["result"]["origin"]["model_folder"] = str(kept.parent / "gone")
    write_bytes(path, json.dumps(content).encode())
    with pytest.raises(UserError, match=rf"{copied.model.fingerprint}.*is missing.*{kept}"):
        open_run(copied.store.root)


def test_a_folder_that_has_become_another_model_is_not_taken(
    copied: SearchedRun, tmp_path: Path
) -> None:
    """Trained again in place, for example."""
    path = copied.folder / "manifest.json"
    content = json.loads(read_bytes(path))
    content["result"]["origin"]["model_folder"] = tiny_model(
        tmp_path / "other", copied.rows, 1
    ).folder
    write_bytes(path, json.dumps(content).encode())
    shutil.rmtree(Path(copied.store.root) / "models")
    with pytest.raises(UserError, match="is missing"):
        open_run(copied.store.root)


def test_the_table_may_be_an_equal_one_of_a_later_run(copied: SearchedRun) -> None:
    """By its fingerprint; a table of other content is never taken in its place."""
    stored = find_run(copied.store.root)
    table = stored.table()
    fingerprint = stored.embedding.manifest.parameters["table"]
    later = copied.store.path / "resize" / "later" / "table.parquet"
    write_bytes(later, read_bytes(table))
    table.unlink()
    for other, found in (("another", False), (fingerprint, True)):
        result = ResizeResult(
            table=TableRef(path=str(later), fingerprint=other),
            csv="",
            rejected="",
            images="",
            rows_in=1,
            rows_kept=1,
            reasons={},
            images_resized=0,
        )
        copied.store.artifact("resize", "later").publish(
            "resize", "later", ["table.parquet"], parameters={}, result=result.model_dump()
        )
        copied.store.point_latest("resize", "later")
        if found:
            assert len(open_run(copied.store.root)) == len(copied.rows)
        else:
            with pytest.raises(UserError, match=r"the table that .* was embedded from, is missing"):
                open_run(copied.store.root)


def test_rows_are_never_paired_by_position(copied: SearchedRun) -> None:
    """A table with as many rows but other ids, or another order, is refused."""
    table = find_run(copied.store.root).table()
    write_bytes(table, copied.rows[::-1].to_parquet(index=False))
    with pytest.raises(UserError, match=r"processed_data\.parquet lists other ids"):
        open_run(copied.store.root)


def test_the_base_model_is_kept_once(tmp_path: Path, copied: SearchedRun) -> None:
    """A second embedding with it copies nothing."""
    kept = Path(copied.store.root) / "models" / copied.model.fingerprint / "pytorch_model.bin"
    before = kept.stat().st_mtime_ns
    again = embed_again(copied.store, copied.rows[:20], copied.model)
    assert kept.stat().st_mtime_ns == before
    assert again.result.origin.model_folder == str(kept.parent)
    assert tmp_path in kept.parents
