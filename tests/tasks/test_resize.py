"""The resize stage as a task: when its result is found in the store, and when it is made again."""

import pickle
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prefect.logging import disable_run_logger

from tasks.resize import resize
from tests.support.image_shop import CONFIG, Shop, image, record_opened
from vitrina.catalog.cleaning import clean_catalog
from vitrina.config.catalog import CleanConfig
from vitrina.config.images import ResizeConfig
from vitrina.config.run_options import RunOptions
from vitrina.images.image_folders import ImageFolders, resized_folder
from vitrina.results import ResizeResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.paths import to_path
from vitrina.store.stage import StageOutcome


def test_the_task_runs_once_per_content(tmp_path: Path) -> None:
    """Found with the same inputs; made again when an image, a row or a file changes."""
    shop = Shop(to_path(tmp_path))
    store = Store(root=str(shop.root / "store"))
    images = resized_folder(store.root, str(shop.originals), CONFIG)
    folders = ImageFolders(originals=str(shop.originals), resized=images)

    def run(config: ResizeConfig = CONFIG) -> StageOutcome[ResizeResult]:
        with disable_run_logger():
            return resize.fn(shop.cleaned(), folders, store, config, RunOptions())

    first = run()
    assert not first.found_in
    assert first.result.images == images
    again = run()
    assert again.found_in
    assert again.result == first.result
    assert run(CONFIG.model_copy(update={"threads": 3})).found_in
    shutil.rmtree(images)
    assert run() == first
    shop.put(0, image(50))
    assert run().result.table.fingerprint != first.result.table.fingerprint
    shop.ids = [*shop.ids, 5]
    assert run().result.reasons == {"duplicate_id": 1}


@pytest.mark.parametrize(
    ("ids", "numbers"), [([1, None, 3], True), (["1", None, "3"], False), ([None, None], True)]
)
def test_a_row_without_an_id_is_rejected_in_the_end(
    tmp_path: Path, ids: list[object], numbers: bool
) -> None:
    """From the catalogue to rejected.csv: it has a reason and no name, and its neighbours stay."""
    shop = Shop(to_path(tmp_path))
    kind = pa.int64() if numbers else pa.string()
    texts = ["Платье"] * len(ids)
    listings = {"nm": pa.array(ids, kind), "title": texts, "description": texts}
    pq.write_table(pa.table(listings), tmp_path / "catalog.parquet")
    catalog = to_path(tmp_path / "catalog.parquet")
    cleaned, _ = clean_catalog(catalog, Artifact(to_path(tmp_path / "cleaned")), CleanConfig())
    for nm in (1, 3):
        shop.put(nm, image(50))
    folders = ImageFolders(originals=str(shop.originals), resized=str(tmp_path / "resized"))
    store = Store(root=str(tmp_path / "store"))
    with disable_run_logger():
        result = resize.fn(cleaned, folders, store, CONFIG, RunOptions()).result
    kept = [nm for nm in ids if nm is not None]
    missing = len(ids) - len(kept)
    assert (result.rows_in, result.rows_kept) == (len(ids), len(kept))
    assert result.reasons == {"missing_id": missing}
    assert Path(result.rejected).read_text() == "nm,reason\n" + ",missing_id\n" * missing
    assert pq.read_table(result.table.path)["nm"].to_pylist() == kept


def test_escaping_formulas_makes_the_table_again_but_no_image(tmp_path: Path) -> None:
    """It decides the CSV files only."""
    shop = Shop(to_path(tmp_path))
    store = Store(root=str(shop.root / "store"))
    escaping = CONFIG.model_copy(update={"csv_formulas": "escape"})
    images = resized_folder(store.root, str(shop.originals), CONFIG)
    assert resized_folder(store.root, str(shop.originals), escaping) == images
    folders = ImageFolders(originals=str(shop.originals), resized=images)
    with disable_run_logger():
        first = resize.fn(shop.cleaned(), folders, store, CONFIG, RunOptions()).result
        again = resize.fn(shop.cleaned(), folders, store, escaping, RunOptions()).result
    assert again.csv != first.csv
    assert again.images_resized == 0
    assert again.table.fingerprint == first.table.fingerprint


def test_shards_in_any_map_give_what_threads_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal tables and images; known images are not resized, and an empty batch is no shard."""
    monkeypatch.setattr("vitrina.images.cleaned_rows.BATCH_ROWS", 2)
    shop = Shop(to_path(tmp_path))
    shop.put(3, b"no image")
    shop.put(4, b"")
    in_threads = shop.run()
    expected = shop.files()
    shutil.rmtree(tmp_path / "images")
    sizes: list[int] = []

    def counted(work, shards):  # type: ignore[no-untyped-def]  # a ShardMap
        for shard in shards:
            sizes.append(len(shard))
            yield work(pickle.loads(pickle.dumps(shard)))

    assert shop.run(map_shards=counted) == in_threads
    assert shop.files() == expected
    assert sizes == [2, 2, 1]
    shop.put(1, image(7))
    opened = record_opened(monkeypatch)
    assert shop.run(map_shards=counted).images_resized == 1
    assert len(opened) == 1
    assert sizes == [2, 2, 1, 1]
