"""The base model as a stage: made, found or handed on as a ruCLIP folder."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from upath import UPath

from tasks.base_model import prepare_checkpoint, prepare_model
from tests.support.tiny_model import TEXTS, TITLES, same_weights
from vitrina.config.run_options import RefreshOption
from vitrina.errors import UserError
from vitrina.model.folder import folder_fingerprint
from vitrina.model.model import build, load_folder
from vitrina.model.source import local_model
from vitrina.model.tiny import TINY, make_tiny
from vitrina.results import TableRef
from vitrina.store.artifacts import Store
from vitrina.store.files import atomic_write, copy

OPTIONS = RefreshOption()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny ruCLIP folder; tests leave it as it is."""
    path: Path = tmp_path_factory.mktemp("tiny")
    make_tiny(TEXTS, path)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty user's cache."""
    monkeypatch.setenv("VITRINA_CACHE", str(tmp_path / "cache"))


def test_tiny_becomes_an_artifact_once(tmp_path: Path, place: UPath) -> None:
    """The model is made from the table's texts and found again; another table needs another."""
    table = tmp_path / "table.csv"
    pd.DataFrame({"title": TITLES, "image_path": "x"}).to_csv(table, index=False)
    listings, store = TableRef(path=str(table), fingerprint="abc"), Store(root=str(place))
    made = prepare_model.fn("tiny", listings, store, OPTIONS).result
    assert load_folder(local_model(made.folder)).resolution == TINY["image_resolution"]
    assert made.fingerprint == folder_fingerprint(UPath(local_model(made.folder)))
    table.unlink()  # so that nothing can be made from it
    again = prepare_model.fn("tiny", listings, store, OPTIONS)
    assert again.result == made
    assert again.found_in == made.folder
    other = listings.model_copy(update={"fingerprint": "another table"})
    with pytest.raises(UserError):
        prepare_model.fn("tiny", other, store, OPTIONS)


def test_a_given_model_is_not_copied_into_the_store(folder: Path, tmp_path: Path) -> None:
    """The stage hands on a folder and its fingerprint; the table is not even read."""
    no_table = TableRef(path="no table", fingerprint="abc")
    store = Store(root=str(tmp_path / "store"))
    result = prepare_model.fn(str(folder), no_table, store, OPTIONS).result
    assert result.folder == str(folder)
    assert result.fingerprint == folder_fingerprint(UPath(folder))
    assert not (tmp_path / "store").exists()


def test_a_checkpoint_becomes_a_model_folder(place: UPath, folder: Path) -> None:
    """The stage turns a .pth in either place into an artifact that loads as a ruCLIP folder."""
    base = load_folder(folder)
    tuned = build(base.config)
    content = {"model_state_dict": tuned.state_dict(), "config": base.config}
    with atomic_write(place / "run" / "ruCLIP_model_epoch1.pth") as temp_file:
        torch.save(content, temp_file)
    copy(UPath(folder / "bpe.model"), place / "run" / "bpe.model")
    path = str(place / "run" / "ruCLIP_model_epoch1.pth")
    store = Store(root=str(place / "store"))
    made = prepare_checkpoint.fn(path, "no base is needed", store, OPTIONS).result
    assert same_weights(load_folder(local_model(made.folder)).clip, tuned)


def test_a_base_of_another_configuration_makes_another_model(folder: Path, tmp_path: Path) -> None:
    """A checkpoint that takes its configuration from a base folder follows that folder."""
    base, store = tmp_path / "base", Store(root=str(tmp_path / "store"))
    shutil.copytree(folder, base)
    torch.save(build(load_folder(base).config).state_dict(), tmp_path / "seed.pth")
    path = str(tmp_path / "seed.pth")
    first = prepare_checkpoint.fn(path, str(base), store, OPTIONS).result
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "resize_mode": "longest"}))
    second = prepare_checkpoint.fn(path, str(base), store, OPTIONS).result
    assert load_folder(local_model(second.folder)).resize_mode == "longest"
    assert first.fingerprint != second.fingerprint
