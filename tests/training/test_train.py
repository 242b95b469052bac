"""The stage: cached, resumed or refused by its inputs; its files, its card, its tracking."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from prefect.client.schemas.objects import State
from upath import UPath

from tasks.train import train
from tests.support.small_training import catalogue, small_model
from vitrina.catalog.split import split_rows
from vitrina.config import TrainConfig
from vitrina.errors import UserError
from vitrina.model.model import load_checkpoint, ruclip
from vitrina.results import ModelResult, TrainResult
from vitrina.store.artifacts import Store
from vitrina.store.files import is_temp_file, remove, write_bytes
from vitrina.store.paths import to_path
from vitrina.training.checkpoints import Progress
from vitrina.training.tracking import MetricsFile, WandbTracker, wandb_mode

SETTINGS = TrainConfig(
    num_epochs=1, batch_size=8, lr=1e-3, validation_fraction=0.2, test_fraction=0.2
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own."""
    monkeypatch.setenv("VITRINA_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def training(tmp_path: Path) -> Callable[..., TrainResult | State[TrainResult]]:
    """The stage on a small table, by store and configuration."""
    table = catalogue(tmp_path, 40)
    table.to_csv(tmp_path / "processed_data.csv", index=False)
    small_model(tmp_path, table)

    def run(
        store: Store, config: TrainConfig = SETTINGS, fingerprint: str = "rows", **options: bool
    ) -> TrainResult | State[TrainResult]:
        model = ModelResult(folder=str(tmp_path / "model"), fingerprint="base")
        path = str(tmp_path / "processed_data.csv")
        return train.fn(path, fingerprint, model, store, config, "test", **options)

    return run


Training = Callable[..., TrainResult | State[TrainResult]]


def test_a_training_is_an_artifact(training: Training, place: UPath) -> None:
    """Locally or on S3 its result names a model folder, the best checkpoint, and whole files."""
    store = Store(root=str(place))
    result = training(store)
    assert isinstance(result, TrainResult)
    artifact = store.latest("train")
    assert artifact is not None
    manifest = artifact.manifest()
    assert manifest is not None
    assert set(manifest.files) == {
        *("ruCLIP_model_epoch1.pth", "bpe.model", "config.json", "metrics.jsonl", "state.json"),
        *("model_card.md", "ruclip/config.json", "ruclip/bpe.model", "ruclip/pytorch_model.bin"),
    }
    assert result.checkpoint == str(artifact.path / "ruCLIP_model_epoch1.pth")
    assert result.metrics["mean_recall"] > 0
    assert manifest.parameters["parameters"]["lr"] == 1e-3
    assert manifest.parameters["table"] == "rows"


def test_a_file_half_written_is_none_of_the_artifacts(training: Training, tmp_path: Path) -> None:
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
    faster = SETTINGS.model_copy(update={"num_workers": 1, "chunk_size": 4, "cache_gb": 0.5})
    second = training(store, faster)
    assert isinstance(second, State)
    assert second.name == "Cached"
    assert second.data == first
    assert isinstance(training(store, SETTINGS.model_copy(update={"lr": 2e-3})), TrainResult)


def test_the_users_folder_is_not_overwritten_by_another_training(
    training: Training, tmp_path: Path
) -> None:
    """Same inputs: cached. Others: refused by name, replaced only when that is asked for."""
    store = Store(root=str(tmp_path / "mine"), keyed=False)
    training(store)
    assert isinstance(training(store), State)
    longer = SETTINGS.model_copy(update={"num_epochs": 2})
    with pytest.raises(UserError, match="num_epochs 1 → 2"):
        training(store, longer)
    with pytest.raises(UserError, match="table rows → others"):
        training(store, fingerprint="others")
    replaced = training(store, longer, overwrite=True)
    assert isinstance(replaced, TrainResult)
    assert replaced.epochs == 2


@pytest.mark.parametrize("output", ["mine", "mine/ruclip"])
def test_the_model_to_start_from_is_never_overwritten(tmp_path: Path, output: str) -> None:
    """Going on from a fine-tuned model in its own folder is refused, whatever is allowed."""
    table = catalogue(tmp_path, 40)
    table.to_csv(tmp_path / "processed_data.csv", index=False)
    small_model(tmp_path, table)
    (tmp_path / "mine").mkdir()
    (tmp_path / "model").rename(tmp_path / "mine" / "ruclip")
    before = {path: path.read_bytes() for path in (tmp_path / "mine" / "ruclip").iterdir()}
    model = ModelResult(folder=str(tmp_path / "mine" / "ruclip"), fingerprint="base")
    store, csv = Store(root=str(tmp_path / output), keyed=False), tmp_path / "processed_data.csv"
    with pytest.raises(UserError, match="Name another folder for the new one"):
        train.fn(str(csv), "rows", model, store, SETTINGS, "test", overwrite=True, refresh=True)
    assert {path: path.read_bytes() for path in (tmp_path / "mine" / "ruclip").iterdir()} == before


def test_a_retry_of_a_refreshed_run_goes_on_from_its_first_try(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh trains anew once; its second try does not throw the first one's work away."""
    store = Store(root=str(tmp_path / "store"))
    training(store)
    artifact = store.latest("train")
    assert artifact is not None
    checkpoint = Path(artifact.path.path) / "ruCLIP_model_epoch1.pth"
    written = checkpoint.stat().st_mtime_ns
    monkeypatch.setattr("vitrina.training.train.task_run", SimpleNamespace(run_count=2))
    assert isinstance(training(store, refresh=True), TrainResult)
    assert checkpoint.stat().st_mtime_ns == written
    monkeypatch.setattr("vitrina.training.train.task_run", SimpleNamespace(run_count=1))
    assert isinstance(training(store, refresh=True), TrainResult)
    assert checkpoint.stat().st_mtime_ns > written


def test_held_out_products_are_never_trained_on(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows that reach the training are the split's training rows, whole."""
    from vitrina.training import job

    seen: dict[str, set[int]] = {}
    original = job.resize_mode

    def watching(table: pd.DataFrame, held_out: pd.DataFrame, *rest: object) -> object:
        seen.update(train=set(table["nm"]), validation=set(held_out["nm"]))
        return original(table, held_out, *rest)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(job, "resize_mode", watching)
    training(Store(root=str(tmp_path / "store")))
    table = pd.read_csv(tmp_path / "processed_data.csv", dtype={"nm": str})
    side = split_rows(table, 0.2, 0.2, 0)
    assert seen == {name: set(table["nm"][side == name]) for name in ("train", "validation")}


def test_the_folder_opens_with_the_package_and_the_checkpoint_with_ours(
    training: Training, tmp_path: Path
) -> None:
    """ruclip's own loaders open the model folder; a .pth carries its architecture and tokenizer."""
    result = training(Store(root=str(tmp_path / "store")))
    assert isinstance(result, TrainResult)
    clip = ruclip.CLIP.from_pretrained(result.model.folder)
    processor = ruclip.RuCLIPProcessor.from_pretrained(result.model.folder)
    ids = processor(text=["красный платье"])["input_ids"]
    loaded = load_checkpoint(Path(result.checkpoint), None)
    assert torch.equal(clip.encode_text(ids), loaded.clip.encode_text(ids))
    card = (Path(result.folder) / "model_card.md").read_text()
    assert "| lr | 0.001 |" in card
    assert "text → image: recall_at_1" in card
    assert "processed table rows" in card


def test_wandb_without_a_key_logs_offline_and_says_how_to_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No account is needed: the run lies in its folder, with the command that sends it."""
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    assert wandb_mode() == "offline"
    with caplog.at_level(logging.INFO, "tasks"):
        tracker = WandbTracker("test", "abc", {"lr": 1}, tmp_path)
        tracker.log({"step": 1, "loss": 2.0})
        tracker.finish()
    said = next(message for message in caplog.messages if "wandb sync" in message)
    folder = Path(said.split("wandb sync ")[1])
    assert list(folder.glob("*.wandb"))
    assert tmp_path in folder.parents


@pytest.mark.parametrize(
    ("environment", "mode"),
    [
        ({"WANDB_MODE": "disabled"}, "disabled"),
        ({"WANDB_API_KEY": "key"}, "online"),
        ({"WANDB_API_KEY": "key", "WANDB_MODE": "offline"}, "offline"),
    ],
)
def test_wandb_follows_its_own_variables(
    environment: dict[str, str], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key turns it on, WANDB_MODE decides."""
    monkeypatch.delenv("WANDB_MODE")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wandb_mode() == mode


def test_a_failing_wandb_ends_no_training(
    training: Training,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What wandb raises is logged, and the training comes to its end."""
    import wandb

    def broken(**_options: object) -> None:
        raise RuntimeError("no space for wandb")

    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setattr(wandb, "init", broken)
    assert isinstance(training(Store(root=str(tmp_path / "store"))), TrainResult)
    assert "no space for wandb" in caplog.text


def test_metrics_of_steps_that_are_taken_again_are_dropped(tmp_path: Path) -> None:
    """After a resume at step 2 the file has each step once."""
    metrics = MetricsFile(to_path(tmp_path))
    for step in (1, 2, 3):
        metrics.log({"step": step, "loss": 1.0})
    metrics.flush()
    again = MetricsFile(to_path(tmp_path))
    again.resume(Progress(step=2, finalized_step=2))
    again.log({"step": 3, "loss": 0.5})
    again.flush()
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["loss"] for line in lines] == [1.0, 1.0, 0.5]


def test_importing_the_stage_costs_no_torch() -> None:
    """Help and wrong arguments answer without waiting for torch."""
    code = "import sys, vitrina.training.train; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
