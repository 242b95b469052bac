"""Embedding from Python, by the names of the original script."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.support.predictor import TITLES, reference_images, reference_texts
from vitrina.embedding.pipeline import EmbeddingPipeline
from vitrina.errors import UserError
from vitrina.model.model import RuCLIP


def test_pipeline_embeds_a_frame(model: RuCLIP, images: list[str], tmp_path: Path) -> None:
    """EmbeddingPipeline keeps the seed's names and order: images first, then texts."""
    frame = pd.DataFrame({"title": TITLES[: len(images)], "image_path": images})
    folder = str(model.tokenizer_path.parent)
    img, text = EmbeddingPipeline(folder).get_embeddings(frame, batch_size=2)
    np.testing.assert_allclose(img, reference_images(model, images), atol=1e-5)
    np.testing.assert_allclose(text, reference_texts(model, frame["title"].tolist()), atol=1e-5)
    checkpoint = tmp_path / "tuned.pth"
    weights = {name: value * 0.9 for name, value in model.clip.state_dict().items()}
    torch.save({"model_state_dict": weights}, checkpoint)
    tuned, _ = EmbeddingPipeline(folder, str(checkpoint)).get_embeddings(frame, batch_size=2)
    assert np.abs(tuned - img).max() > 1e-3


def test_texts_and_images_are_embedded_each_alone(model: RuCLIP, images: list[str]) -> None:
    """Texts without images, images without texts, and none of either."""
    pipeline = EmbeddingPipeline(str(model.tokenizer_path.parent))
    np.testing.assert_allclose(
        pipeline.encode_texts(TITLES, 2), reference_texts(model, TITLES), atol=1e-5
    )
    np.testing.assert_allclose(
        pipeline.encode_images(images), reference_images(model, images), atol=1e-5
    )
    assert pipeline.encode_texts([]).shape == pipeline.encode_images([]).shape == (0, 64)


def test_templates_can_be_given(model: RuCLIP) -> None:
    """By their name, or the sentences themselves; a single one is the bare text."""
    folder = str(model.tokenizer_path.parent)
    single, written, six = (
        EmbeddingPipeline(folder, templates=templates).encode_texts(TITLES[:3])
        for templates in ("single", ("{}",), None)
    )
    np.testing.assert_array_equal(single, written)
    assert np.abs(single - six).max() > 1e-3


def test_text_dataset_pairs_texts_with_images(images: list[str]) -> None:
    """A DataLoader batches it; lengths that differ are refused."""
    data = EmbeddingPipeline.TextDataset(TITLES[: len(images)], images)
    texts, paths = next(iter(torch.utils.data.DataLoader(data, batch_size=4)))
    assert list(texts) == TITLES[:4]
    assert list(paths) == images[:4]
    with pytest.raises(ValueError, match="texts for"):
        EmbeddingPipeline.TextDataset(TITLES, images)


def test_importing_the_pipeline_costs_no_torch() -> None:
    """A script's --help does not wait for it."""
    code = "import sys, vitrina.embedding.pipeline; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_listings_text_can_be_given(model: RuCLIP, images: list[str]) -> None:
    """A template over the frame's columns; by default the one that the model was trained with."""
    folder = str(model.tokenizer_path.parent)
    frame = pd.DataFrame({"title": TITLES[:2], "brend": ["Кот", None], "image_path": images[:2]})
    _, text = EmbeddingPipeline(folder, text="{title}, бренд {brend}").get_embeddings(frame)
    expected = reference_texts(model, [f"{TITLES[0]}, бренд Кот", TITLES[1]])
    np.testing.assert_allclose(text, expected, atol=1e-5)
    assert EmbeddingPipeline(folder).listing.text == "{title}"
    with pytest.raises(UserError, match="is no template of a text"):
        EmbeddingPipeline(folder, text="{title")
