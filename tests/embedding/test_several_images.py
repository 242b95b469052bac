"""Listings with several images: the mean of their vectors, and what a new photo costs."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from upath import UPath

from tests.support.embedding import ROWS, arrays, mug_model, noise_listings
from tests.support.several_images import photo, with_more_images
from vitrina.config.text import ListingConfig
from vitrina.embedding.embedder import Embedder
from vitrina.embedding.shard import embed_shard
from vitrina.embedding.stored import OutputNames
from vitrina.embedding.table import EmbedRequest, embed_table
from vitrina.model.model import RuCLIP, load_folder
from vitrina.results import EmbedResult
from vitrina.store.paths import to_path

NAMES = OutputNames("x.npz", "x.parquet")
FIRST = ListingConfig(several_images="first")


@pytest.fixture(scope="module")
def mugs(tmp_path_factory: pytest.TempPathFactory) -> RuCLIP:
    """A tiny ruCLIP that knows the listings' titles."""
    return load_folder(Path(mug_model(tmp_path_factory.mktemp("tiny")).folder))


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Ten listings with one, two or three images."""
    return with_more_images(noise_listings(tmp_path), tmp_path / "more")


class Run:
    """Embeds tables with one model, four rows a shard; later ones reuse the vectors of the last."""

    def __init__(self, model: RuCLIP, folder: Path) -> None:
        self.embedder = Embedder(model, torch.device("cpu"), 32, "single")
        self.folder, self.count = folder, 0
        self.last: dict[str, Any] = {}
        self.files: list[str] = []

    def embed(self, table: pd.DataFrame, **options: Any) -> EmbedResult:
        self.count += 1
        path = to_path(self.folder / f"{self.count}.parquet")
        table.to_parquet(path.path)
        out = to_path(self.folder / f"out{self.count}")
        request = EmbedRequest(path, out, NAMES, "s", shard_rows=4, **{**self.last, **options})
        work = partial(map, partial(embed_shard, self.embedder))
        result, self.files = embed_table(request, work)
        self.last = {
            "reuse_from": shards(result.parquet),
            "reuse_images": shards(result.images_parquet) if result.images_parquet else (),
        }
        return result

    def means(self, table: pd.DataFrame) -> np.ndarray:
        """The expected image vectors."""
        each = [self.embedder.images(paths) for paths in table["image_paths"]]
        means = np.stack([one.mean(axis=0) for one in each])
        return means / np.linalg.norm(means, axis=1, keepdims=True)


def shards(folder: str) -> list[UPath]:
    """The files of a folder of shards."""
    return sorted(to_path(folder).iterdir(), key=str)


@pytest.fixture
def run(mugs: RuCLIP, tmp_path: Path) -> Run:
    """A run into folders of its own."""
    return Run(mugs, tmp_path)


def test_a_listings_image_vector_is_the_mean_of_its_images(run: Run, table: pd.DataFrame) -> None:
    """Of unit length; of a single image, or of the first alone if asked for, it is its own."""
    result = run.embed(table)
    img = arrays(result)["img"]
    np.testing.assert_allclose(img, run.means(table), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(img, axis=1), 1, atol=1e-6)
    first = run.embed(table, listing=FIRST)
    plain = run.embed(table.drop(columns=["image_paths", "image_hashes"]))
    np.testing.assert_array_equal(arrays(first)["img"], arrays(plain)["img"])
    np.testing.assert_array_equal(arrays(first)["img"][::3], img[::3])
    assert result.origin.several_images == "mean"
    assert first.origin.several_images == "first"
    assert first.rows_embedded == plain.images_embedded == 0  # each is known as one of several


def test_parquet_holds_each_images_own_vector(run: Run, table: pd.DataFrame) -> None:
    """In a folder beside the shards, with the listing's id and the position among its images."""
    result = run.embed(table)
    frame = pd.read_parquet(result.images_parquet)
    expected = table.explode(["image_paths", "image_hashes"])
    assert frame["nm"].tolist() == expected["nm"].tolist()
    assert frame["position"].tolist() == expected.groupby("nm").cumcount().tolist()
    assert frame["image_key"].tolist() == expected["image_hashes"].tolist()
    own = run.embedder.images(expected["image_paths"].tolist())
    np.testing.assert_allclose(np.stack(frame["img"]), own, atol=1e-6)
    names = [name for name in run.files if name.startswith("x.images.parquet/")]
    assert len(names) == 3  # in each of the shards a listing has several
    assert result.images_embedded == len(expected)
    plain = run.embed(table.drop(columns=["image_paths", "image_hashes"]))
    assert plain.images_parquet == ""


def test_one_new_photo_costs_one_photo(run: Run, table: pd.DataFrame, tmp_path: Path) -> None:
    """Whichever place it takes, also as the second image of a listing that had one."""
    run.embed(table)
    for row, place in ((0, 1), (4, 0), (5, 2)):
        path, image_hash = photo(tmp_path / "new", str(row), 99_000 + row)
        table.at[row, "image_paths"].insert(place, path)
        table.at[row, "image_hashes"].insert(place, image_hash)
        result = run.embed(table)
        assert (result.rows_embedded, result.images_embedded) == (1, 1)
        np.testing.assert_allclose(arrays(result)["img"], run.means(table), atol=1e-6)


def test_images_taken_away_moved_or_shared_cost_nothing(run: Run, table: pd.DataFrame) -> None:
    """Their vectors are known by content, wherever they stand."""
    run.embed(table)
    for column in ("image_paths", "image_hashes"):
        table.at[2, column].reverse()
        table.at[5, column].pop()
        table.at[4, column].pop()  # one image is left
        table.at[0, column].append(table.at[8, column][1])
    result = run.embed(table)
    assert (result.rows_embedded, result.images_embedded) == (0, 0)
    np.testing.assert_allclose(arrays(result)["img"], run.means(table), atol=1e-6)


def test_a_shard_is_finished_when_both_of_its_files_are_there(
    run: Run, table: pd.DataFrame
) -> None:
    """A lost file of single vectors is made again with its shard."""
    result = run.embed(table)
    shards(result.images_parquet)[1].unlink()
    run.count -= 1
    again = run.embed(table, reuse_from=(), reuse_images=())
    assert again.rows_embedded == 4
    assert len(shards(again.images_parquet)) == 3


def test_rows_without_a_list_have_their_main_image(run: Run, table: pd.DataFrame) -> None:
    """An empty list is no listing without images."""
    table["image_paths"] = [paths if len(paths) > 1 else [] for paths in table["image_paths"]]
    table["image_hashes"] = [one if len(one) > 1 else None for one in table["image_hashes"]]
    result = run.embed(table)
    assert result.rows == ROWS
    own = run.embedder.images(table["image_path"].tolist())
    np.testing.assert_allclose(arrays(result)["img"][::3], own[::3], atol=1e-6)
