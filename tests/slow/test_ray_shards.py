"""Shards on a real Ray: the same results as threads, also when a worker is killed."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from prefect.testing.utilities import prefect_test_harness

from flows.data_preprocessing import data_preprocessing
from flows.generate_embeddings import generate_embeddings
from tests.support.image_shop import image
from vitrina.config.scripts import DataPreprocessingConfig, GenerateEmbeddingsConfig
from vitrina.demo.catalog import draw_catalog
from vitrina.model.tiny import make_tiny
from vitrina.results import EmbedResult, ResizeResult
from vitrina.store.files import is_temp_file

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def prefect() -> Iterator[None]:
    """A Prefect server of these tests; one thread per process, so that sums are equal."""
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


def preprocess(folder: Path, executor: str) -> ResizeResult:
    """Clean and resize."""
    config = DataPreprocessingConfig(
        file_path=str(folder / "catalog.parquet"),
        base_image_path=str(folder / "images"),
        processed_data_path=str(folder / "made/table"),
        processed_images_path=str(folder / "made/images"),
        executor=executor,
    )
    return data_preprocessing(config)


def prepare_embedding(folder: Path, resized: ResizeResult) -> pd.DataFrame:
    """The processed table; a tiny model of its texts is written to ``folder/model``."""
    table = pd.read_csv(resized.csv)
    (folder / "model").mkdir()
    make_tiny(table["title"], folder / "model")
    return table


def embed(folder: Path, table: pd.DataFrame, executor: str, shard_rows: int = 30) -> EmbedResult:
    """Embed a table with the folder's model."""
    table.to_csv(folder / "table.csv", index=False)
    config = GenerateEmbeddingsConfig(
        processed_data_csv=str(folder / "table.csv"),
        output_path=str(folder / "embedded/vectors.npz"),
        model=str(folder / "model"),
        device="cpu",
        shard_rows=shard_rows,
        executor=executor,
    )
    return generate_embeddings(config)


def take_files(folder: Path) -> dict[str, bytes]:
    """The content of every file of a folder, which is removed.

    Without files that record the time, and without temp files of a killed worker.
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
    """The same shards and ids, and vectors equal to 1e-6: workers add in other orders."""
    shards = [{path.name for path in folder.rglob("*.parquet")} for folder in (found, expected)]
    assert shards[0] == shards[1]
    ours, theirs = np.load(found / "vectors.npz"), np.load(expected / "vectors.npz")
    np.testing.assert_array_equal(ours["nm"], theirs["nm"])
    for name in ("text", "img"):
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-6)


@contextmanager
def killing_a_worker(ready: Callable[[], bool]) -> Iterator[None]:
    """Kill a Ray worker of this process that computes a shard, as soon as ``ready`` is true."""
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


@pytest.mark.usefixtures("prefect")
def test_both_stages_on_ray_give_what_threads_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images, tables, rejected rows, vectors; Ray runs only as long as the stage."""
    ray = pytest.importorskip("ray")
    monkeypatch.setattr("vitrina.images.cleaned_rows.BATCH_ROWS", 40)
    draw_catalog(tmp_path, products=120, seed=3)
    on_threads = preprocess(tmp_path, "threads")
    shutil.copytree(tmp_path / "made", tmp_path / "kept")  # the vectors are of these
    expected = take_files(tmp_path / "made")
    assert preprocess(tmp_path, "ray") == on_threads
    assert not ray.is_initialized()
    assert take_files(tmp_path / "made") == expected

    (tmp_path / "kept").rename(tmp_path / "made")
    table = prepare_embedding(tmp_path, on_threads)
    in_threads = embed(tmp_path, table, "threads")
    (tmp_path / "embedded").rename(tmp_path / "expected")
    assert embed(tmp_path, table, "ray") == in_threads
    assert_same_vectors(tmp_path / "embedded", tmp_path / "expected")


@pytest.mark.usefixtures("cluster")
def test_resizing_goes_on_when_a_worker_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray gives the shard to another worker; a half-written file is no image."""
    monkeypatch.setattr("vitrina.images.cleaned_rows.BATCH_ROWS", 50)
    noise = image(0, (2_400, 2_400))
    (tmp_path / "images").mkdir()
    for nm in range(300):
        (tmp_path / f"images/{nm}.jpg").write_bytes(noise)
    texts = ["Платье"] * 300
    table = pd.DataFrame({"nm": range(300), "title": texts, "description": texts})
    table.to_parquet(tmp_path / "catalog.parquet")
    on_threads = preprocess(tmp_path, "threads")
    expected = take_files(tmp_path / "made")
    images = tmp_path / "made/images"
    with killing_a_worker(lambda: images.is_dir() and len(list(images.iterdir())) > 60):
        assert preprocess(tmp_path, "ray") == on_threads
    assert take_files(tmp_path / "made") == expected


@pytest.mark.usefixtures("cluster")
def test_embedding_goes_on_when_a_worker_is_killed_and_reuses_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same vectors; after one title was changed only that one is computed, on Ray too."""
    monkeypatch.setattr("vitrina.images.cleaned_rows.BATCH_ROWS", 40)
    draw_catalog(tmp_path, products=160, seed=3)
    table = prepare_embedding(tmp_path, preprocess(tmp_path, "threads"))
    in_threads = embed(tmp_path, table, "threads", 5)
    (tmp_path / "embedded").rename(tmp_path / "expected")
    folder = tmp_path / "embedded/vectors.parquet"
    with killing_a_worker(lambda: folder.is_dir() and len(list(folder.iterdir())) > 1):
        on_ray = embed(tmp_path, table, "ray", 5)
    # Vectors are equal to 1e-6, below; their bytes are not.
    assert on_ray.model_copy(update={"checksums": in_threads.checksums}) == in_threads
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
