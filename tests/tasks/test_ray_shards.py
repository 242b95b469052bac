"""Shards on Ray: what comes out is what threads make, also when a worker is killed."""

import os
import pickle
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.testing.utilities import prefect_test_harness
from pydantic import ValidationError
from upath import UPath

from flows.data_preprocessing import data_preprocessing
from flows.generate_embeddings import check, generate_embeddings
from tasks.embed import gpus_of_a_shard
from tasks.orchestration.ray_shards import _work, check_executor, check_launcher, shard_map
from tests.support.image_shop import Shop, image, record_opened
from vitrina.config import (
    DataPreprocessingConfig,
    EmbedConfig,
    ExecutorConfig,
    GenerateEmbeddingsConfig,
    PipelineConfig,
    ResizeConfig,
    TrainConfig,
)
from vitrina.demo.catalog import draw_catalog
from vitrina.embedding.reuse import COLUMNS, ReuseIndex
from vitrina.embedding.rows import Rows
from vitrina.embedding.shard import Shard
from vitrina.embedding.shard_file import write_shard
from vitrina.errors import UserError
from vitrina.execution.ray_cluster import joining
from vitrina.images.resize_pool import resize_shard
from vitrina.model.tiny import make_tiny
from vitrina.results import EmbedResult, ResizeResult
from vitrina.store.files import is_temp_file


@pytest.mark.parametrize("executor", ["dask", "ray://head", "ray://:10001", "Ray", ""])
def test_unknown_runner_is_refused_by_name(runner: str) -> None:
    """By every config that takes one, with what was expected."""
    with pytest.raises(ValidationError, match=f"there is no runner '{runner}': expected threads"):
        ExecutorConfig(executor=runner)
    shop = {"catalog": "demo", "images": "demo"}
    with pytest.raises(ValidationError, match="there is no runner"):
        PipelineConfig(**shop, executor=runner)
    assert ExecutorConfig(executor="ray://head.example:10001").runner == "ray://head.example:10001"


def test_without_the_extra_ray_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One sentence, before anything runs; threads need nothing."""
    monkeypatch.setitem(sys.modules, "prefect_ray", None)
    places = {"processed_data_csv": "absent.csv", "output_path": "absent.npz"}
    needed = r"needs Ray, .* pip install -c constraints.txt '\.\[ray\]'"
    with pytest.raises(UserError, match=f"runner: ray {needed}"):
        check(GenerateEmbeddingsConfig(**places, executor="ray"))
    with pytest.raises(UserError, match=needed), shard_map("resize", "ray://head:10001"):
        pass
    with pytest.raises(UserError, match=f"launcher: ray {needed}"):
        check_launcher(TrainConfig(launcher="ray", processes=2))
    check_executor("threads")
    check_launcher(TrainConfig(launcher="ray"))


def test_workers_elsewhere_need_a_server_that_they_reach() -> None:
    """This process's own Prefect server listens on this machine only."""
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        with pytest.raises(UserError, match="Set PREFECT_API_URL"):
            check_executor("ray://head.example:10001")
        check_executor("ray://127.0.0.1:10001")
    with temporary_settings({PREFECT_API_URL: "http://prefect.example/api"}):
        check_executor("ray://head.example:10001")


def test_where_shards_are_worked_on_is_in_no_key() -> None:
    """Another runner or another share of a GPU finds the same artifact."""
    config = GenerateEmbeddingsConfig(
        processed_data_csv="a", output_path="b.npz", executor="ray", num_gpus=0.5
    )
    assert config.part(EmbedConfig).content() == EmbedConfig().content()
    assert "executor" not in ResizeConfig.model_fields


def test_gpus_follow_device_and_cluster() -> None:
    """One if a shard computes on GPUs, none if not, or as many as are asked for."""
    assert gpus_of_a_shard(EmbedConfig(), True) == 1
    assert gpus_of_a_shard(EmbedConfig(), False) == 0
    assert gpus_of_a_shard(EmbedConfig(device="cpu"), True) == 0
    assert gpus_of_a_shard(EmbedConfig(device="cuda"), False) == 1
    assert gpus_of_a_shard(EmbedConfig(num_gpus=0.25), True) == 0.25


def test_worker_with_other_code_is_refused() -> None:
    """What it would make is not what this run's key stands for."""
    with pytest.raises(UserError, match=r"another version of tasks\.image_pool"):
        _work("resize", 0, partial(partial(resize_shard), []), "of another day")


def test_the_signal_that_cancels_a_run_stays_prefects() -> None:
    """Ray, when it starts or connects, puts a handler of its own in its place."""
    before = signal.getsignal(signal.SIGTERM)
    with joining():
        signal.signal(signal.SIGTERM, lambda *_: None)
    assert signal.getsignal(signal.SIGTERM) == before


def test_shards_in_any_map_give_what_threads_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Table and images, with what is known left alone; a batch with nothing to do is no shard."""
    monkeypatch.setattr("vitrina.images.resize_catalog.BATCH_ROWS", 2)
    shop = Shop(UPath(tmp_path))
    shop.put(3, b"no image")
    shop.put(4, b"")
    in_threads = shop.run()
    expected = shop.files()
    shutil.rmtree(tmp_path / "images")
    sizes: list[int] = []

    def counted(work, jobs):  # type: ignore[no-untyped-def]  # of MapShards' type
        for some in jobs:
            sizes.append(len(some))
            yield work(pickle.loads(pickle.dumps(some)))

    assert shop.run(map_shards=counted) == in_threads
    assert shop.files() == expected
    assert sizes == [2, 2, 1]
    shop.put(1, image(7))
    opened = record_opened(monkeypatch)
    assert shop.run(map_shards=counted).images_resized == 1
    assert len(opened) == 1
    assert sizes == [2, 2, 1, 1]


def test_shard_travels_with_only_its_own_part_of_the_known_vectors(tmp_path: Path) -> None:
    """Equal vectors, from no more shards than hold them."""
    shards = []
    for number, letters in enumerate(("ab", "cd", "ef")):
        keys, vectors = list(letters), np.full((2, 4), number, np.float32)
        shards.append(UPath(tmp_path / f"{number}.parquet"))
        write_shard(shards[-1], Rows(range(2), keys, keys, keys, keys), vectors, vectors)
    known = {column: ReuseIndex.of(shards, column) for column in COLUMNS}
    keys = ["e", "x", "a", "e", "я"]
    rows = Rows(range(5), keys, keys, keys, keys)
    whole = Shard(UPath(tmp_path / "new"), rows, UPath("table"), known)
    alone = pickle.loads(pickle.dumps(whole.detached()))
    for column in COLUMNS:
        vectors, found = alone.known[column].take(keys, 4)
        expected, expected_found = known[column].take(keys, 4)
        np.testing.assert_array_equal(vectors, expected)
        assert found.tolist() == expected_found.tolist() == [True, False, True, True, False]
        assert alone.known[column].shards == [shards[0], shards[2]]
    assert not ReuseIndex.of([], "text").part(keys).shards


# --- with Ray --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prefect() -> Iterator[None]:
    """A Prefect server of the tests' own; one thread in every process, so that sums are equal."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        with prefect_test_harness(server_startup_timeout=120):
            yield


@pytest.fixture
def cluster(prefect: None) -> Iterator[None]:  # noqa: ARG001 - whose settings Ray inherits
    """A Ray cluster of two workers that outlives the stages."""
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def preprocess(folder: Path, runner: str) -> ResizeResult:
    """Clean and resize."""
    config = DataPreprocessingConfig(
        file_path=str(folder / "catalog.parquet"),
        base_image_path=str(folder / "images"),
        processed_data_path=str(folder / "made/table"),
        processed_images_path=str(folder / "made/images"),
        runner=runner,
    )
    return data_preprocessing(config)


def prepare_embedding(folder: Path, made: ResizeResult) -> pd.DataFrame:
    """The processed table; and a model of its texts, in the folder."""
    table = pd.read_csv(made.csv)
    (folder / "model").mkdir()
    make_tiny(table["title"], folder / "model")
    return table


def embed(folder: Path, table: pd.DataFrame, runner: str, shard_rows: int = 30) -> EmbedResult:
    """Embed a table with the folder's model."""
    table.to_csv(folder / "table.csv", index=False)
    config = GenerateEmbeddingsConfig(
        processed_data_csv=str(folder / "table.csv"),
        output_path=str(folder / "embedded/vectors.npz"),
        model=str(folder / "model"),
        device="cpu",
        shard_rows=shard_rows,
        runner=runner,
    )
    return generate_embeddings(config)


def taken(folder: Path) -> dict[str, bytes]:
    """Every file by its content, and an empty folder; without records of the time.

    And without what a killed worker may leave aside.
    """
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".index" not in path.parts and "manifest" not in path.name
        if not is_temp_file(path.name)
    }
    shutil.rmtree(folder)
    return files


def assert_same_vectors(found: Path, expected: Path) -> None:
    """The same shards and ids, and vectors equal to 1e-6: a worker has other threads to add in."""
    shards = [{path.name for path in folder.rglob("*.parquet")} for folder in (found, expected)]
    assert shards[0] == shards[1]
    ours, theirs = np.load(found / "vectors.npz"), np.load(expected / "vectors.npz")
    np.testing.assert_array_equal(ours["nm"], theirs["nm"])
    for name in ("text", "img"):
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-6)


@contextmanager
def killing_a_worker(ready: Callable[[], bool]) -> Iterator[None]:
    """Kill, once it is time, a Ray worker of this process that is busy with a shard."""
    with ThreadPoolExecutor(1) as pool:
        killed = pool.submit(_kill, ready)
        yield
        assert killed.result(1)


def _kill(ready: Callable[[], bool]) -> int:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        if ready():
            for pid in _busy_workers():
                os.kill(pid, signal.SIGKILL)
                return pid
        time.sleep(0.005)
    return 0


def _busy_workers() -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            busy = (entry / "cmdline").read_bytes().startswith(b"ray::shard")
        except OSError:  # gone by now
            continue
        if busy and os.getpid() in _ancestors(int(entry.name)):
            yield int(entry.name)


def _ancestors(pid: int) -> Iterator[int]:
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        yield pid


@pytest.mark.slow
@pytest.mark.usefixtures("prefect")
def test_both_stages_on_ray_make_what_threads_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images, tables, rejects, vectors; Ray is started for the stage and gone after it."""
    ray = pytest.importorskip("ray")
    monkeypatch.setattr("vitrina.images.resize_catalog.BATCH_ROWS", 40)
    draw_catalog(tmp_path, products=120, seed=3)
    on_threads = preprocess(tmp_path, "threads")
    shutil.copytree(tmp_path / "made", tmp_path / "kept")  # what the vectors are made of
    expected = taken(tmp_path / "made")
    assert preprocess(tmp_path, "ray") == on_threads
    assert not ray.is_initialized()
    assert taken(tmp_path / "made") == expected

    (tmp_path / "kept").rename(tmp_path / "made")
    table = prepare_embedding(tmp_path, on_threads)
    in_threads = embed(tmp_path, table, "threads")
    (tmp_path / "embedded").rename(tmp_path / "expected")
    assert embed(tmp_path, table, "ray") == in_threads
    assert_same_vectors(tmp_path / "embedded", tmp_path / "expected")


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_resizing_goes_on_when_a_worker_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray gives the shard to another worker; no file half written is taken for an image."""
    monkeypatch.setattr("vitrina.images.resize_catalog.BATCH_ROWS", 50)
    noise = image(0, (2_400, 2_400))
    (tmp_path / "images").mkdir()
    for nm in range(300):
        (tmp_path / f"images/{nm}.jpg").write_bytes(noise)
    texts = ["Платье"] * 300
    table = pd.DataFrame({"nm": range(300), "title": texts, "description": texts})
    table.to_parquet(tmp_path / "catalog.parquet")
    on_threads = preprocess(tmp_path, "threads")
    expected = taken(tmp_path / "made")
    images = tmp_path / "made/images"
    with killing_a_worker(lambda: images.is_dir() and len(list(images.iterdir())) > 60):
        assert preprocess(tmp_path, "ray") == on_threads
    assert taken(tmp_path / "made") == expected


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_embedding_goes_on_when_a_worker_is_killed_and_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same vectors; then one changed title is all that is computed, on Ray too."""
    monkeypatch.setattr("vitrina.images.resize_catalog.BATCH_ROWS", 40)
    draw_catalog(tmp_path, products=160, seed=3)
    table = prepare_embedding(tmp_path, preprocess(tmp_path, "threads"))
    in_threads = embed(tmp_path, table, "threads", 5)
    (tmp_path / "embedded").rename(tmp_path / "expected")
    folder = tmp_path / "embedded/vectors.parquet"
    with killing_a_worker(lambda: folder.is_dir() and len(list(folder.iterdir())) > 1):
        assert embed(tmp_path, table, "ray", 5) == in_threads
    assert_same_vectors(tmp_path / "embedded", tmp_path / "expected")
    kept = tmp_path / "kept"
    (tmp_path / "embedded").rename(kept)

    table.loc[7, "title"] = "Кружка другая"
    full = embed(tmp_path, table, "threads", 5)
    expected_arrays = dict(np.load(full.npz))
    shutil.rmtree(tmp_path / "embedded")
    kept.rename(tmp_path / "embedded")
    again = embed(tmp_path, table, "ray", 5)
    assert (full.rows_embedded, again.rows_embedded) == (len(table), 1)
    for name, array in np.load(again.npz).items():
        if name == "nm":
            assert array.tolist() == expected_arrays[name].tolist()
        else:  # a title alone is cut shorter than beside longer ones
            np.testing.assert_allclose(array, expected_arrays[name], atol=1e-6)
