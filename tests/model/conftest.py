"""A tiny real ruCLIP, made once, and a user's cache of each test's own."""

import shutil
from pathlib import Path

import pytest

from tests.support.tiny_model import TEXTS
from vitrina.model.folder import SAFETENSORS
from vitrina.model.model import RuCLIP, load_folder
from vitrina.model.tiny import make_tiny


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny ruCLIP folder; tests leave it as it is."""
    path: Path = tmp_path_factory.mktemp("tiny")
    make_tiny(TEXTS, path)
    return path


@pytest.fixture
def model(folder: Path) -> RuCLIP:
    """The model of the folder, loaded for this test."""
    return load_folder(folder)


@pytest.fixture
def damaged(folder: Path, tmp_path: Path) -> Path:
    """A copy of the folder, to be broken, with the files of ruclip only."""
    return Path(
        shutil.copytree(folder, tmp_path / "damaged", ignore=shutil.ignore_patterns(SAFETENSORS))
    )


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of downloaded models in an empty user's cache."""
    monkeypatch.setenv("VITRINA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"
