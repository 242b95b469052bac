"""A tiny real ruCLIP, images of several sizes, and the package's own vectors to compare with."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.predictor import TITLES
from vitrina.model.model import RuCLIP, load_folder
from vitrina.model.tiny import make_tiny
from vitrina.model.tokenize import TEMPLATES


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> RuCLIP:
    """A tiny ruCLIP whose BPE knows the titles; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("tiny")
    make_tiny([*TITLES, *TEMPLATES], folder)
    return load_folder(folder)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Images of several sizes, none a pixel off the square, which ruclip crops at random."""
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    paths = []
    for number, size in enumerate([(64, 64), (100, 60), (60, 100), (31, 40), (300, 200), (1, 9)]):
        path: Path = folder / f"{number}.png"
        noise = generator.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        paths.append(str(path))
    return paths
