"""Encoding by an export, without torch: the vectors, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.processes import ROOT
from tests.support.searched_run import SearchedRun
from tests.support.shop import tiny_model
from vitrina.embedding.encoder import Encoder
from vitrina.errors import UserError
from vitrina.onnx_export.folder import open_encoder
from vitrina.results import OnnxResult
from vitrina.search.run import open_run

TEXTS = ["Кружка красная", "  ВАЗА белая ", "", "кружка " * 200, "Кружка красная", "😀 <b>%s{}</b>"]

WITHOUT_TORCH = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "ruclip", "prefect"):
            raise ModuleNotFoundError(f"{name} is not installed here", name=name)

sys.meta_path.insert(0, Blocked())
"""

SEARCH = """
import json
from dataclasses import asdict

import pandas as pd

from vitrina import open_run
from vitrina.onnx_export.folder import open_encoder

given = json.loads(sys.argv[1])
run = open_run(given["output"], encoder=open_encoder(given["onnx"]))
frame = pd.DataFrame(given["listings"])
print(json.dumps({
    "texts": run.encode_texts(given["texts"]).tolist(),
    "images": run.encode_images(given["images"]).tolist(),
    "listings": [one.tolist() for one in run.encode_listings(frame)],
    "hits": [asdict(hit) for hit in run.search("красная кружка", k=5)],
    "alike": [asdict(hit) for hit in run.search(image=given["images"][0], k=3, by="image")],
}))
assert not {"torch", "torchvision", "ruclip", "prefect"} & set(sys.modules)
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Photos that must be turned, flattened, converted or made smaller first."""
    folder = tmp_path_factory.mktemp("photos")
    noise = np.random.default_rng(0).integers(0, 256, (90, 60, 4), dtype=np.uint8)
    noise = noise.repeat(30, axis=0).repeat(40, axis=1)  # larger than what is kept of one
    exif = Image.Exif()
    exif[0x0112] = 6
    images = {
        "turned.jpg": (Image.fromarray(noise[:, :, :3]), {"exif": exif}),
        "plain.jpg": (Image.fromarray(noise[:, :, :3]), {}),
        "transparent.png": (Image.fromarray(noise[:300, :300]), {}),
        "print.tif": (Image.fromarray(noise[:300, :300, :3]).convert("CMYK"), {}),
    }
    for name, (image, options) in images.items():
        image.save(folder / name, **options)
    return [str(folder / name) for name in images]


def cosines(one: object, other: object) -> float:
    """The lowest cosine between the unit vectors of two arrays."""
    return float(np.einsum("ij,ij->i", np.asarray(one), np.asarray(other)).min())


def test_a_run_is_searched_without_torch(
    shop: SearchedRun, exported: OnnxResult, photos: list[str]
) -> None:
    """With torch, ruclip and Prefect blocked: the same vectors, and the same listings found."""
    listings = shop.rows.head(3)[["title", "image_path"]]
    given = {
        "output": shop.store.root,
        "onnx": exported.folder,
        "texts": TEXTS,
        "images": photos,
        "listings": listings.to_dict("list"),
    }
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH + SEARCH, json.dumps(given)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found, run = json.loads(done.stdout), open_run(shop.store.root, "cpu")
    assert cosines(found["texts"], run.encode_texts(TEXTS)) > 0.99999
    assert cosines(found["images"], run.encode_images(photos)) > 0.9999
    for own, expected in zip(found["listings"], run.encode_listings(listings), strict=True):
        assert cosines(own, expected) > 0.99999
    hits = run.search("красная кружка", k=5)
    assert [one["nm"] for one in found["hits"]] == [hit.nm for hit in hits]
    alike = run.search(image=photos[0], k=3, by="image")
    assert [one["nm"] for one in found["alike"]] == [hit.nm for hit in alike]


def test_encoding_is_the_embedders(shop: SearchedRun, exported: OnnxResult) -> None:
    """Texts in any order and number, none at all, images as files and in memory."""
    encoder, run = open_encoder(exported.folder), open_run(shop.store.root, "cpu")
    many = [f"{text} {number}" for number in range(40) for text in TEXTS]
    assert cosines(encoder.texts(many), run.encode_texts(many)) > 0.99999
    assert np.array_equal(encoder.texts(TEXTS)[0], encoder.texts(TEXTS)[4])
    paths = shop.rows["image_path"].tolist()
    assert cosines(encoder.images(paths), run.vectors().img) > 0.99999
    with Image.open(paths[0]) as image:
        assert cosines(encoder.images([image]), encoder.images(paths[:1])) > 0.99999
    for empty in (encoder.texts([]), encoder.images([])):
        assert (empty.shape, empty.dtype) == ((0, 64), np.float32)
    as_encoder: Encoder = encoder
    assert as_encoder is encoder


def test_an_image_that_cannot_be_read_is_named(exported: OnnxResult, tmp_path: Path) -> None:
    """As the embedder does."""
    encoder = open_encoder(exported.folder)
    (tmp_path / "text.jpg").write_text("no image")
    for path, message in (
        (tmp_path / "absent.jpg", "does not exist"),
        (tmp_path / "text.jpg", "not a readable image"),
    ):
        with pytest.raises(UserError, match=message):
            encoder.images([str(path)])


def test_the_export_of_another_model_is_refused(
    shop: SearchedRun, exported: OnnxResult, tmp_path: Path
) -> None:
    """By name: its vectors would be compared to nonsense; so is one of other templates."""
    encoder = open_encoder(exported.folder)
    origin = shop.result.origin
    encoder.check(origin.model_copy(update={"arithmetic": "cuda bfloat16", "model_folder": "x"}))
    other = tiny_model(tmp_path / "other", shop.rows, 1).fingerprint
    for update, message in (
        ({"model": other}, f"holds the model {origin.model}, and the run was embedded by {other}"),
        ({"templates": ("{}",)}, "was exported with the templates"),
    ):
        with pytest.raises(UserError, match=message):
            encoder.check(origin.model_copy(update=update))
