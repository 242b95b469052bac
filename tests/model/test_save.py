"""Saving a model into a folder, local or on S3."""

from pathlib import Path

import torch
from upath import UPath

from tests.support.tiny_model import contents
from vitrina.model.folder import SAVED_FILES, missing_files
from vitrina.model.model import RuCLIP, load_checkpoint, load_folder
from vitrina.model.save import put_model, put_model_files
from vitrina.model.source import local_checkpoint, local_model
from vitrina.store.files import copy


def test_a_saved_model_is_a_folder_with_the_given_weights(place: UPath, model: RuCLIP) -> None:
    """Its files and nothing else; the weights are those given, not the model's own."""
    weights = {name: tensor + 1 for name, tensor in model.clip.state_dict().items()}
    put_model(model, weights, place / "ruclip")
    assert {path.name for path in (place / "ruclip").iterdir()} == set(SAVED_FILES)
    loaded = load_folder(local_model(str(place / "ruclip")))
    assert loaded.config == model.config
    assert (loaded.clip.logit_scale == model.clip.logit_scale + 1).all()


def test_saving_is_the_same_wherever_it_goes(tmp_path: Path, bucket: str, model: RuCLIP) -> None:
    """Equal bytes in a local folder and in a bucket."""
    put_model(model, model.clip.state_dict(), UPath(tmp_path / "local"))
    remote = UPath(f"{bucket}/model")
    put_model(model, model.clip.state_dict(), remote)
    for name in SAVED_FILES:
        copy(remote / name, UPath(tmp_path / "fetched" / name))
    assert contents(tmp_path / "fetched") == contents(tmp_path / "local")


def test_a_checkpoint_beside_the_models_files_can_be_loaded(
    place: UPath, model: RuCLIP, tmp_path: Path
) -> None:
    """Its tokenizer is there; the weights themselves are not written a second time."""
    put_model_files(model, place)
    assert missing_files(place) == ["pytorch_model.bin"]
    content = {"model_state_dict": model.clip.state_dict(), "config": model.config}
    torch.save(content, tmp_path / "a.pth")
    copy(UPath(tmp_path / "a.pth"), place / "a.pth")
    loaded = load_checkpoint(local_checkpoint(str(place / "a.pth")), None)
    assert loaded.tokenizer.bpe.vocab_size() == model.config["vocab_size"]
