"""The stage "train": found, resumed, refused or replaced by its inputs."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from upath import UPath

from tasks.train import train
from tests.support.small_training import catalogue, small_model
from vitrina.config.run_options import TrackedRunOptions
from vitrina.config.training import TrainConfig
from vitrina.errors import UserError
from vitrina.results import ModelResult, TableRef, TrainResult
from vitrina.store.artifacts import Store
from vitrina.store.code_version import code_version
from vitrina.store.files import is_temp_file, remove, write_bytes
from vitrina.store.stage import StageOutcome

CONFIG = TrainConfig(
    num_epochs=1, batch_size=8, lr=1e-3, validation_fraction=0.2, test_fraction=0.2
)
Training = Callable[..., StageOutcome[TrainResult]]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """One thread: for so small a model a second one only costs time, on a busy machine much."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a processed table and a base model."""
    folder = tmp_path_factory.mktemp("shop")
    table = catalogue(folder, 40)
    table.to_csv(folder / "processed_data.csv", index=False)
    small_model(folder, table)
    return folder


@pytest.fixture
def training(
    shop: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Training:
    """The stage on the small table, by store and configuration."""
    monkeypatch.setenv("VITRINA_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))

    def run(
        store: Store,
        config: TrainConfig = CONFIG,
        fingerprint: str = "rows",
        model: str = str(shop / "model"),
        overwrite: bool = False,
        refresh: bool = False,
    ) -> StageOutcome[TrainResult]:
        return train.fn(
            TableRef(path=str(shop / "processed_data.csv"), fingerprint=fingerprint),
            ModelResult(folder=model, fingerprint="base"),
            store,
            config,
            TrackedRunOptions(project_name="test", refresh=refresh),
            overwrite=overwrite,
        )

    return run


def test_a_training_is_an_artifact(training: Training, place: UPath) -> None:
    """Locally or on S3 its result names a model folder, the best checkpoint, and whole files."""
    store = Store(root=str(place))
    result = training(store).result
    artifact = store.latest("train")
    assert artifact is not None
    manifest = artifact.manifest()
    assert manifest is not None
    assert set(manifest.files) == {
        *("ruCLIP_model_epoch1.pth", "bpe.model", "config.json", "metrics.jsonl", "state.json"),
        *("validation_base.parquet", "validation_best.parquet"),
        *("ruclip/config.json", "ruclip/bpe.model", "ruclip/pytorch_model.bin"),
        *("ruclip/model.safetensors", "ruclip/README.md"),
    }
    assert result.checkpoint == str(artifact.path / "ruCLIP_model_epoch1.pth")
    assert result.metrics["mean_recall"] > 0
    assert manifest.parameters["parameters"]["lr"] == 1e-3
    assert manifest.parameters["table"] == "rows"


def test_a_half_written_file_is_not_part_of_the_artifact(
    training: Training, tmp_path: Path
) -> None:
    """Such as a killed run leaves beside the weights."""
    store = Store(root=str(tmp_path / "store"))
    training(store)
    first = store.latest("train")
    assert first is not None
    remove([first.manifest_path])
    write_bytes(first.path / "ruclip" / ".pytorch_model.bin.0123abcd.part", b"half")
    training(store)
    manifest = first.manifest()
    assert manifest is not None
    assert "ruclip/pytorch_model.bin" in manifest.files
    assert not any(map(is_temp_file, manifest.files))


def test_an_equal_training_is_found_and_operational_settings_make_no_other(
    training: Training, tmp_path: Path
) -> None:
    """The second run takes no step, even with more workers or smaller chunks."""
    store = Store(root=str(tmp_path / "store"))
    first = training(store)
    assert not first.found_in
    faster = CONFIG.model_copy(update={"num_workers": 1, "chunk_size": 4, "cache_gb": 0.5})
    second = training(store, faster)
    assert second.found_in == first.result.folder
    assert second.result == first.result
    assert not training(store, CONFIG.model_copy(update={"lr": 2e-3})).found_in


def test_the_users_folder_is_not_overwritten_by_another_training(
    training: Training, tmp_path: Path
) -> None:
    """Same inputs: cached. Others: refused by name, replaced only when that is asked for."""
    store = Store(root=str(tmp_path / "mine"), keyed=False)
    training(store)
    assert training(store).found_in
    longer = CONFIG.model_copy(update={"num_epochs": 2})
    with pytest.raises(UserError, match="num_epochs 1 → 2"):
        training(store, longer)
    with pytest.raises(UserError, match="table rows → others"):
        training(store, fingerprint="others")
    replaced = training(store, longer, overwrite=True)
    assert not replaced.found_in
    assert replaced.result.epochs == 2


def test_a_training_of_other_code_is_not_published_as_this_codes(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the user's folder, weights of other code are refused by its version, or replaced."""
    store = Store(root=str(tmp_path / "mine"), keyed=False)
    result = training(store).result
    checkpoint = Path(result.checkpoint)
    written = checkpoint.stat().st_mtime_ns
    own = code_version("vitrina.training.job:run_job")
    with monkeypatch.context() as patch:
        patch.setattr("vitrina.store.stage.code_version", lambda _entry: "edited")
        refusal = rf"holds another training \(different: code {own} → edited\)"
        with pytest.raises(UserError, match=refusal):
            training(store)
        assert checkpoint.stat().st_mtime_ns == written
        manifest = store.artifact("train", "").manifest()
        assert manifest is not None
        assert training(store, overwrite=True).result.checkpoint == str(checkpoint)
        assert checkpoint.stat().st_mtime_ns > written
        assert store.artifact("train", "").manifest() != manifest
        assert training(store).found_in
    with pytest.raises(UserError, match=rf"code edited → {own}"):
        training(store)


def test_an_interrupted_training_of_the_same_code_is_resumed(
    training: Training, tmp_path: Path
) -> None:
    """Without its manifest the folder's finished training is taken up, and no step taken again."""
    store = Store(root=str(tmp_path / "mine"), keyed=False)
    first = training(store)
    checkpoint = Path(first.result.checkpoint)
    written = checkpoint.stat().st_mtime_ns
    remove([store.artifact("train", "").manifest_path])
    again = training(store)
    assert not again.found_in
    assert again.result == first.result
    assert checkpoint.stat().st_mtime_ns == written


@pytest.mark.parametrize("output", ["mine", "mine/ruclip"])
def test_the_base_model_is_never_overwritten(
    training: Training, shop: Path, tmp_path: Path, output: str
) -> None:
    """Fine-tuning a model again in its own folder is refused, whatever is allowed."""
    base = tmp_path / "mine" / "ruclip"
    base.mkdir(parents=True)
    for path in (shop / "model").iterdir():
        (base / path.name).write_bytes(path.read_bytes())
    before = {path: path.read_bytes() for path in base.iterdir()}
    store = Store(root=str(tmp_path / output), keyed=False)
    with pytest.raises(UserError, match="Choose another folder for the new model"):
        training(store, model=str(base), overwrite=True, refresh=True)
    assert {path: path.read_bytes() for path in base.iterdir()} == before


def test_a_retry_of_a_refreshed_run_resumes_its_first_try(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh trains again once; its retry does not throw the first try's work away."""
    store = Store(root=str(tmp_path / "store"))
    training(store)
    artifact = store.latest("train")
    assert artifact is not None
    checkpoint = Path(artifact.path.path) / "ruCLIP_model_epoch1.pth"
    written = checkpoint.stat().st_mtime_ns
    for run_count, trains in ((2, False), (1, True)):
        stub: Any = SimpleNamespace(run_count=run_count)
        monkeypatch.setattr("tasks.train.task_run", stub)
        assert not training(store, refresh=True).found_in
        assert (checkpoint.stat().st_mtime_ns > written) is trains


def test_importing_the_stage_costs_no_torch() -> None:
    """Help and wrong arguments answer without waiting for torch."""
    code = "import sys, tasks.train; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
