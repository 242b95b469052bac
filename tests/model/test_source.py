"""Finding the model that a name, a folder or a checkpoint stands for."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from upath import UPath

from tests.support.tiny_model import contents, same_weights
from vitrina.errors import UserError
from vitrina.model.folder import FILES, SAFETENSORS, SAVED_FILES
from vitrina.model.model import load_folder
from vitrina.model.source import (
    check_model,
    find_model,
    listing_texts,
    local_checkpoint,
    local_model,
    open_checkpoint,
)
from vitrina.model.tiny import TINY
from vitrina.store.files import copy
from vitrina.store.paths import to_path


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("ruclip-vit-base-patch32-38", "Did you mean 'ruclip-vit-base-patch32-384'"),
        ("sberbank-ai/ruclip-vit-large-patch14-224", "Did you mean 'ruclip-vit-large-patch14-224'"),
        ("tiney", "Did you mean 'tiny'"),
        ("/nowhere/at/all", "Names: .*ruclip-vit-base-patch16-384.*tiny"),
    ],
)
def test_a_wrong_name_lists_the_names_and_the_nearest(source: str, said: str, cache: Path) -> None:
    """A mistyped model is answered with what there is."""
    with pytest.raises(UserError, match=said):
        find_model(source, cache)


def test_a_folder_is_its_own_model(place: UPath, folder: Path, cache: Path) -> None:
    """A local or S3 folder is found where it is; one that lacks a file is refused by name."""
    for name in FILES[:2]:
        copy(UPath(folder / name), place / name)
    with pytest.raises(UserError, match=r"pytorch_model\.bin is missing"):
        find_model(str(place), cache)
    copy(UPath(folder / FILES[2]), place / FILES[2])
    assert str(find_model(str(place), cache)) == str(place)
    expected = {name: (folder / name).read_bytes() for name in FILES}
    assert contents(local_model(str(place))) == expected


def test_a_published_name_is_taken_from_the_cache(folder: Path, cache: Path) -> None:
    """A model downloaded before is found without a network."""
    name = "ruclip-vit-base-patch32-384"
    shutil.copytree(folder, cache / name)
    assert find_model(name, cache) == UPath(cache / name)


def test_what_is_at_hand_is_found_without_torch(folder: Path, cache: Path) -> None:
    """tiny, a folder and a downloaded name need no import of torch, which takes seconds."""
    name = "ruclip-vit-base-patch32-384"
    shutil.copytree(folder, cache / name)
    code = (
        "import sys; from vitrina.model.source import check_model\n"
        "for source in sys.argv[1:]: check_model(source)\n"
        "sys.exit('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, "tiny", str(folder), name]
    assert subprocess.run(command, check=False).returncode == 0


def test_only_the_weights_that_are_opened_are_fetched(bucket: str, folder: Path) -> None:
    """Of a bucket's folder with both forms of the weights, safetensors."""
    model = to_path(f"{bucket}/model")
    for name in SAVED_FILES:
        copy(UPath(folder / name), model / name)
    fetched = local_model(str(model))
    assert {path.name for path in fetched.iterdir()} == {*FILES[:2], SAFETENSORS}
    assert same_weights(load_folder(fetched).clip, load_folder(folder).clip)


def test_a_copy_from_s3_follows_its_source(bucket: str, folder: Path) -> None:
    """The cached copy is reused, is completed when cut short, and is another for other content."""
    model = to_path(f"{bucket}/model")
    for name in FILES:
        copy(UPath(folder / name), model / name)
    first = local_model(str(model))
    (first / "bpe.model").unlink()
    assert local_model(str(model)) == first
    assert contents(first) == {name: (folder / name).read_bytes() for name in FILES}
    (model / "config.json").write_text("{}")
    second = local_model(str(model))
    assert second != first
    assert (second / "config.json").read_text() == "{}"


def test_a_checkpoint_comes_with_its_tokenizer(place: UPath, folder: Path) -> None:
    """A .pth from either place is local afterwards, its bpe.model beside it if there is one."""
    (place / "ruCLIP_model_epoch1.pth").parent.mkdir(parents=True, exist_ok=True)
    (place / "ruCLIP_model_epoch1.pth").write_bytes(b"weights")
    path = local_checkpoint(str(place / "ruCLIP_model_epoch1.pth"))
    assert path.read_bytes() == b"weights"
    assert not path.with_name("bpe.model").exists()
    copy(UPath(folder / "bpe.model"), place / "bpe.model")
    path = local_checkpoint(str(place / "ruCLIP_model_epoch1.pth"))
    assert path.with_name("bpe.model").read_bytes() == (folder / "bpe.model").read_bytes()


def test_texts_are_titles_and_descriptions(tmp_path: Path) -> None:
    """A tokenizer learns from both columns; a missing description is no text."""
    table = pd.DataFrame({"title": ["а", "б"], "image_path": "x", "description": ["в", None]})
    table.to_parquet(tmp_path / "table.parquet")
    assert sorted(listing_texts(UPath(tmp_path / "table.parquet"))) == ["а", "б", "в"]


def test_a_checkpoint_without_configuration_cannot_be_of_tiny(folder: Path, tmp_path: Path) -> None:
    """tiny names no one model, so a bare state dict cannot be opened over it, but over a folder."""
    state = load_folder(folder).clip.state_dict()
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(UserError, match="made for each table"):
        open_checkpoint(str(tmp_path / "a.pth"), "tiny")
    assert open_checkpoint(str(tmp_path / "a.pth"), str(folder)).embed_dim == TINY["embed_dim"]


def test_a_checkpoint_with_its_configuration_needs_no_base(folder: Path, tmp_path: Path) -> None:
    """The base is not even looked for."""
    model = load_folder(folder)
    shutil.copyfile(folder / "bpe.model", tmp_path / "bpe.model")
    content = {"model_state_dict": model.clip.state_dict(), "config": model.config}
    torch.save(content, tmp_path / "a.pth")
    loaded = open_checkpoint(str(tmp_path / "a.pth"), "no such model")
    assert loaded.config == model.config


def test_a_folder_given_as_a_checkpoint_is_refused(folder: Path) -> None:
    """The error names the option that it belongs to."""
    with pytest.raises(UserError, match=r"not a checkpoint.*--model"):
        open_checkpoint(str(folder), "tiny")


def test_a_wrong_name_is_refused_before_anything_is_downloaded(folder: Path) -> None:
    """check_model accepts what find_model would find, and published names without a request."""
    for source in ("tiny", str(folder), "ruclip-vit-base-patch16-224"):
        check_model(source)
    with pytest.raises(UserError, match="There is no model 'ruclip'"):
        check_model("ruclip")


def test_a_download_without_a_place_is_refused_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache cannot be written: the model that is not at hand is named."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VITRINA_CACHE", str(tmp_path / "file" / "cache"))
    name = "ruclip-vit-base-patch16-224"
    with pytest.raises(UserError, match=f"cannot be written.*the download of {name}"):
        check_model(name)
    check_model("tiny")
