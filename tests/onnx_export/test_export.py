"""An export encodes as its model does, is found again, and is refused if it does not."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from tests.support.searched_run import SearchedRun, embed_again, embedded_run
from tests.support.shop import tiny_model
from vitrina.config.onnx import ExportOnnxConfig
from vitrina.errors import UserError
from vitrina.model.model import load_folder
from vitrina.model.tokenize import BOS, EOS, PAD
from vitrina.onnx_export import towers
from vitrina.onnx_export.compare import check
from vitrina.onnx_export.export import export_onnx
from vitrina.onnx_export.folder import FILES, open_encoder, read_export
from vitrina.results import OnnxResult
from vitrina.store.files import read_bytes
from vitrina.store.paths import to_path


def config(shop: SearchedRun, folder: object, rows: int = 40) -> ExportOnnxConfig:
    """The options of an export."""
    return ExportOnnxConfig(output=shop.store.root, onnx_path=str(folder), check_rows=rows)


def test_the_files_take_batches_of_any_size_and_texts_of_any_length(
    shop: SearchedRun, exported: OnnxResult
) -> None:
    """Equal to the towers of the model, from the shortest text to the longest."""
    model = load_folder(Path(shop.model.folder))
    text, image = (
        ort.InferenceSession(f"{exported.folder}/{name}") for name in ("text.onnx", "image.onnx")
    )
    assert [one.name for one in (*text.get_inputs(), *text.get_outputs())] == ["ids", "vectors"]
    assert [one.name for one in image.get_inputs()] == ["pixels"]
    generator = torch.Generator().manual_seed(0)
    for batch, length in ((1, 2), (3, 9), (2, model.context_length)):
        ids = torch.randint(EOS + 1, model.clip.vocab_size, (batch, length), generator=generator)
        ids[:, 0], ids[:, -1] = BOS, EOS
        ids[0, 1], ids[0, 2:] = EOS, PAD  # the first ends early
        with torch.inference_mode():
            expected = model.clip.encode_text(
                torch.nn.functional.pad(ids, (0, model.context_length - length))
            )
        (found,) = text.run(None, {"ids": ids.numpy()})
        np.testing.assert_allclose(found, expected, atol=1e-5)
    for batch in (1, 5):
        shape = (batch, 3, model.resolution, model.resolution)
        pixels = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        means, stds = (torch.tensor(one).view(3, 1, 1) for one in (model.mean, model.std))
        with torch.inference_mode():
            expected = model.clip.encode_image((pixels / 255 - means) / stds)
        (found,) = image.run(None, {"pixels": pixels.numpy()})
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_manifest_says_all_that_encoding_takes(shop: SearchedRun, exported: OnnxResult) -> None:
    """And what the comparison came to; the files are valid ONNX."""
    manifest = json.loads((Path(exported.folder) / "manifest.json").read_text())
    assert set(manifest["files"]) == set(FILES)
    told = exported.exported
    assert (told.model, told.templates) == (shop.model.fingerprint, shop.result.origin.templates)
    assert len(told.templates) == 6
    assert (told.resolution, told.context_length, told.embed_dim) == (48, 77, 64)
    assert exported.compared.rows == 40
    assert min(exported.compared.text_cosine, exported.compared.image_cosine) > 0.99999
    assert exported.compared.recall == exported.compared.model_recall
    for name in FILES[:2]:
        onnx.checker.check_model(f"{exported.folder}/{name}", full_check=True)
    bpe = (Path(shop.model.folder) / "bpe.model").read_bytes()
    assert (Path(exported.folder) / "bpe.model").read_bytes() == bpe


@pytest.mark.slow  # exporting takes ten seconds and more
def test_an_export_is_found_again_unless_the_model_is_another_one(tmp_path: Path) -> None:
    """Another run of the same model changes nothing; another model replaces it."""
    shop = embedded_run(to_path(tmp_path / "output"), tmp_path)
    first = export_onnx(config(shop, tmp_path / "onnx"))
    embed_again(shop.store, shop.rows.iloc[:20], shop.model)
    again = export_onnx(config(shop, tmp_path / "onnx"))
    assert (first.found_in, again.found_in) == ("", str(tmp_path / "onnx"))
    other = tiny_model(tmp_path / "other", shop.rows, 1)
    embed_again(shop.store, shop.rows, other)
    replaced = export_onnx(config(shop, tmp_path / "onnx"))
    assert (replaced.found_in, replaced.result.exported.model) == ("", other.fingerprint)


def test_an_export_to_s3(
    shop: SearchedRun, exported: OnnxResult, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is opened from there too."""

    def write(_model: object, folder: Path) -> None:
        for name in FILES[:2]:
            shutil.copy(Path(exported.folder) / name, folder)

    monkeypatch.setattr(towers, "write_towers", write)  # the same files, ten seconds sooner
    export_onnx(config(shop, f"{bucket}/onnx", rows=5))
    encoder = open_encoder(f"{bucket}/onnx")
    assert encoder.exported == exported.exported
    assert encoder.texts(["кружка"]).shape == (1, 64)
    assert read_bytes(to_path(f"{bucket}/onnx/manifest.json"))


@pytest.mark.slow
def test_an_export_that_differs_is_refused(
    shop: SearchedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written: by a wrong mean colour, which changes the images' vectors."""
    monkeypatch.setattr(towers, "normalize", lambda pixels, _mean, _std: pixels.float() / 255)
    with pytest.raises(UserError, match="lowest cosine of an image vector"):
        export_onnx(config(shop, tmp_path / "onnx"))
    assert list((tmp_path / "onnx").glob("*")) == []


def test_another_recall_is_refused(exported: OnnxResult) -> None:
    """But for one query, as equal scores may trade places."""
    compared = exported.compared
    recall = compared.recall | {"text_to_image_recall_at_5": 0.5}
    for difference, is_refused in ((1 / compared.rows, False), (2 / compared.rows, True)):
        model = recall | {"text_to_image_recall_at_5": 0.5 + difference}
        found = compared.model_copy(update={"recall": recall, "model_recall": model})
        if is_refused:
            with pytest.raises(UserError, match="does not rank as the model does"):
                check(found)
        else:
            check(found)


def test_a_folder_with_other_files_is_left_alone(shop: SearchedRun, tmp_path: Path) -> None:
    """Also one that holds the artifact of another stage."""
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(UserError, match=r"holds notes\.txt.*a folder of its own"):
        export_onnx(config(shop, tmp_path))
    shutil.copy(Path(shop.folder.path) / "manifest.json", tmp_path)
    (tmp_path / "notes.txt").unlink()
    with pytest.raises(UserError, match="holds"):
        export_onnx(config(shop, Path(shop.folder.path)))


def test_a_tower_too_large_for_a_file_is_refused(
    shop: SearchedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the exporter has worked on it."""
    monkeypatch.setattr(towers, "MAX_BYTES", 100_000)
    with pytest.raises(UserError, match=r"text\.onnx would be .* GB"):
        export_onnx(config(shop, tmp_path / "onnx"))


def test_a_run_without_listings_cannot_be_compared(tmp_path: Path) -> None:
    """So nothing is exported."""
    shop = embedded_run(to_path(tmp_path / "output"), tmp_path)
    shop = embed_again(shop.store, shop.rows.iloc[:0], shop.model)
    with pytest.raises(UserError, match="has no listings"):
        export_onnx(config(shop, tmp_path / "onnx"))


def test_what_is_no_export_is_not_opened(exported: OnnxResult, tmp_path: Path) -> None:
    """A missing folder, one without a manifest, a damaged file, a manifest of another version."""
    folder = tmp_path / "onnx"
    with pytest.raises(UserError, match="holds no exported model"):
        read_export(str(folder))
    shutil.copytree(exported.folder, folder)
    size = (folder / "text.onnx").stat().st_size
    (folder / "text.onnx").write_bytes(b"x" * size)
    with pytest.raises(UserError, match=r"text\.onnx cannot be read"):
        open_encoder(str(folder))
    (folder / "text.onnx").write_bytes(b"x")
    with pytest.raises(UserError, match="not all of its files"):
        open_encoder(str(folder))
