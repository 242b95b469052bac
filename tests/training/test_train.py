"""A training by request: checks before it, files and result after it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vitrina.config.training import TrainConfig
from vitrina.errors import UserError
from vitrina.model import hardware
from vitrina.model.folder import folder_fingerprint
from vitrina.model.model import load_checkpoint, ruclip
from vitrina.store.paths import to_path
from vitrina.training.request import TrainingRequest
from vitrina.training.train import check_base, check_processes, train_model

Requests = Callable[..., TrainingRequest]


def test_the_result_names_the_model_the_checkpoint_and_the_files(request_for: Requests) -> None:
    """The files are those of the finished training: no wandb folder and no temp file."""
    request = request_for()
    folder = Path(request.folder)
    (folder / "ruclip").mkdir(parents=True)
    (folder / "ruclip" / ".pytorch_model.bin.0123abcd.part").write_bytes(b"half")
    (folder / "wandb").mkdir()
    (folder / "wandb" / "run.wandb").write_bytes(b"log")
    result, files = train_model(request)
    assert set(files) == {
        *("ruCLIP_model_epoch1.pth", "bpe.model", "config.json", "metrics.jsonl", "state.json"),
        *("validation_base.parquet", "validation_best.parquet"),
        *("ruclip/config.json", "ruclip/bpe.model", "ruclip/pytorch_model.bin"),
        *("ruclip/model.safetensors", "ruclip/README.md"),
    }
    assert result.folder == str(folder)
    assert result.checkpoint == str(folder / "ruCLIP_model_epoch1.pth")
    assert result.model.folder == str(folder / "ruclip")
    assert result.model.fingerprint == folder_fingerprint(to_path(folder / "ruclip"))
    assert (result.epochs, result.best_epoch) == (1, 1)
    assert result.metrics["mean_recall"] > 0


def test_an_equal_training_resumes_and_other_code_is_refused(request_for: Requests) -> None:
    """The same inputs take no step again; other code is named, and trains only over the old one."""
    request = request_for()
    first, _ = train_model(request)
    steps: list[int] = []
    again, _ = train_model(request, lambda done, _total: steps.append(done))
    assert again == first
    assert steps == []
    newer = request.model_copy(update={"inputs": {**request.inputs, "code": "newer"}})
    with pytest.raises(UserError, match=r"another training \(different: code c → newer\)"):
        train_model(newer, lambda done, _total: steps.append(done))
    assert steps == []
    train_model(newer, lambda done, _total: steps.append(done), overwrite=True)
    assert steps[0] == 1


def test_the_folder_opens_with_the_package_and_the_checkpoint_with_ours(
    request_for: Requests,
) -> None:
    """ruclip's own loaders open the model folder; a .pth carries its architecture and tokenizer."""
    result, _ = train_model(request_for())
    clip = ruclip.CLIP.from_pretrained(result.model.folder)
    processor = ruclip.RuCLIPProcessor.from_pretrained(result.model.folder)
    ids = processor(text=["красный платье"])["input_ids"]
    loaded = load_checkpoint(Path(result.checkpoint), None)
    assert torch.equal(clip.encode_text(ids), loaded.clip.encode_text(ids))
    card = (Path(result.folder) / "ruclip" / "README.md").read_text()
    assert "| lr | 0.003 |" in card
    assert "text → image: recall_at_1" in card
    assert "processed table t;" in card


def test_the_base_model_may_not_be_where_the_training_writes(
    base_folder: Path, tmp_path: Path
) -> None:
    """Neither in the folder itself nor as its ruclip/; anywhere else is fine."""
    for folder in (base_folder, base_folder.parent):
        with pytest.raises(UserError, match="Choose another folder for the new model"):
            check_base(str(base_folder), to_path(folder))
    check_base(str(base_folder), to_path(tmp_path))
    check_base("tiny", to_path(tmp_path))


def test_importing_the_module_costs_no_torch() -> None:
    """Help and wrong arguments answer without waiting for torch."""
    code = "import sys, vitrina.training.train; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("gpus", "device", "processes", "fits"),
    [
        (2, "auto", 2, True),
        (2, "auto", 3, False),
        (2, "cuda", 3, False),
        (2, "cpu", 3, True),
        (0, "auto", 3, True),
        (1, "auto", 1, True),
    ],
)
def test_each_process_needs_a_gpu_where_gpus_compute(
    gpus: int, device: str, processes: int, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More processes than GPUs are refused, and what would fit is named."""
    monkeypatch.setattr(hardware, "has_gpu", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    config = TrainConfig(device=device, processes=processes)  # type: ignore[arg-type]  # a literal
    if fits:
        check_processes(config)
        return
    with pytest.raises(UserError, match=r"processes is 3, .* this machine has 2\. .* at most 2"):
        check_processes(config)
