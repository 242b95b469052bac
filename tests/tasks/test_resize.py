"""The resize stage as a task: when its result is found in the store, and when it is made again."""

import pickle
import shutil
from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from tasks.resize import resize
from tests.support.image_shop import CONFIG, Shop, image, record_opened
from vitrina.config import ResizeConfig, RunOptions
from vitrina.images.resize_catalog import ImageFolders, resized_folder
from vitrina.results import ResizeResult
from vitrina.store.artifacts import Store
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


def test_shards_in_any_map_give_what_threads_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal tables and images; known images are not resized, and an empty batch is no shard."""
    monkeypatch.setattr("vitrina.images.resize_catalog.BATCH_ROWS", 2)
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
