"""Pixels of the training's images, and what of them the cache keeps."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.small_training import catalogue
from vitrina.images.load import read_image, square_image
from vitrina.model.model import RuCLIP
from vitrina.training.data.pairs import pairs_from
from vitrina.training.data.pixels import image_keys, pixels_of, shared_pixels


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv("VITRINA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_images_are_decoded_once_and_stay_what_they_were(
    model: RuCLIP, tmp_path: Path, cache: Path
) -> None:
    """A second look comes from the cache: equal to the first, and needing no file."""
    table = catalogue(tmp_path, 6)
    pairs = pairs_from(table)
    first = pixels_of(pairs, model, 1).stack(range(6))
    for path in table["image_path"]:
        Path(path).unlink()
    again = pixels_of(pairs, model, 1)
    assert torch.equal(again.stack(range(6)), first)
    (stored,) = (cache / "pixels").glob("32-shortest*/pixels")
    assert stored.stat().st_size == 6 * 3 * 32 * 32


def test_the_cache_is_by_content_and_by_resize_mode(model: RuCLIP, tmp_path: Path) -> None:
    """Another image under the same path is decoded again; each resize mode has its own pixels."""
    table = catalogue(tmp_path, 2)
    pairs = pairs_from(table)
    padding = RuCLIP(model.clip, model.tokenizer_path, {**model.config, "resize_mode": "longest"})
    path = table["image_path"][0]
    for one, mode in ((model, "shortest"), (padding, "longest")):
        pixels = pixels_of(pairs, one, 1)[0].numpy()
        assert np.array_equal(pixels, square_image(read_image(path), 32, mode))
    other = pairs_from(table.assign(image_hash=["new", "other"]))
    Path(path).write_bytes(Path(table["image_path"][1]).read_bytes())
    assert torch.equal(pixels_of(other, padding, 1)[0], pixels_of(other, padding, 1)[1])


def test_without_hashes_a_changed_file_has_another_key(tmp_path: Path) -> None:
    """The key of an image without a hash follows its file's time and size."""
    table = catalogue(tmp_path, 3).drop(columns="image_hash")
    pairs = pairs_from(table)
    before = list(image_keys(pairs))
    assert len(set(before)) == 3
    Path(table["image_path"][1]).write_bytes(b"another")
    after = list(image_keys(pairs))
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]


def test_training_and_validation_share_one_limit(model: RuCLIP, tmp_path: Path) -> None:
    """Opening the second split's images does not drop the first split's."""
    table = catalogue(tmp_path, 6)
    splits = [pairs_from(table[:4]), pairs_from(table[4:])]
    limit = 6 * 3 * 32 * 32 / 1e9
    first = [one.stack(range(len(one.paths))) for one in shared_pixels(splits, model, limit)]
    for path in table["image_path"]:
        Path(path).unlink()
    again = [one.stack(range(len(one.paths))) for one in shared_pixels(splits, model, limit)]
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
