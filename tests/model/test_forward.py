"""The forward pass of training is ruclip's: equal values, equal gradients."""

import pytest
import torch

from tests.support.tiny_model import LONG_TITLE, TITLES
from vitrina.model.forward import encode_image, encode_text
from vitrina.model.model import RuCLIP
from vitrina.model.text_input import pad
from vitrina.model.tokenize import tokenize


def padded(model: RuCLIP, texts: list[str]) -> torch.Tensor:
    """The package's ids: always ``context_length`` long."""
    ids: torch.Tensor = model.processor()(text=texts)["input_ids"]
    return ids


def pixels(model: RuCLIP) -> torch.Tensor:
    """Normalized pixels of five random images."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(5, 3, model.resolution, model.resolution, generator=generator)


def gradients(model: RuCLIP, embedding: torch.Tensor) -> dict[str, torch.Tensor]:
    """Those of the sum of the embedding's squares."""
    model.clip.zero_grad()
    embedding.square().sum().backward()
    return {
        name: parameter.grad.clone()
        for name, parameter in model.clip.named_parameters()
        if parameter.grad is not None
    }


def assert_same_gradients(
    ours: dict[str, torch.Tensor], reference: dict[str, torch.Tensor]
) -> None:
    """To 1e-5 of the largest value in each parameter's gradient."""
    assert ours.keys() == reference.keys()
    for name, gradient in reference.items():
        tolerance = 1e-5 * gradient.abs().max().item()
        torch.testing.assert_close(ours[name], gradient, rtol=0, atol=tolerance, msg=name)


def test_cut_texts_embed_as_padded_ones_do(model: RuCLIP) -> None:
    """Short and long texts in one batch give the package's embeddings to float32's accuracy."""
    texts = [*TITLES, "", LONG_TITLE]
    with torch.no_grad():
        ours = encode_text(model.clip, pad(tokenize(model.tokenizer, texts)))
        short = encode_text(model.clip, pad(tokenize(model.tokenizer, texts[:3])))
        reference = model.clip.encode_text(padded(model, texts))
    torch.testing.assert_close(ours, reference, rtol=0, atol=1e-5)
    torch.testing.assert_close(short, reference[:3], rtol=0, atol=1e-5)


def test_gradients_are_those_of_padded_texts(model: RuCLIP) -> None:
    """Training on cut texts moves the text tower as ruclip's own forward does."""
    ours = gradients(model, encode_text(model.clip, pad(tokenize(model.tokenizer, TITLES))))
    reference = gradients(model, model.clip.encode_text(padded(model, TITLES)))
    assert "token_embedding.weight" in ours
    assert_same_gradients(ours, reference)


def test_images_embed_as_in_the_package(model: RuCLIP) -> None:
    """The image tower has ruclip's values and gradients."""
    ours, reference = (
        encode_image(model.clip, pixels(model)),
        model.clip.encode_image(pixels(model)),
    )
    torch.testing.assert_close(ours, reference, rtol=0, atol=1e-5)
    found = gradients(model, ours)
    assert "visual.class_embedding" in found
    assert_same_gradients(found, gradients(model, reference))


@pytest.mark.parametrize("tower", ["image", "text"])
def test_recomputing_activations_changes_no_gradient(model: RuCLIP, tower: str) -> None:
    """Gradient checkpointing saves memory, not accuracy."""

    def embedding(recompute: bool) -> torch.Tensor:
        if tower == "image":
            return encode_image(model.clip, pixels(model), recompute=recompute)
        ids = pad(tokenize(model.tokenizer, TITLES))
        return encode_text(model.clip, ids, recompute=recompute)

    assert_same_gradients(gradients(model, embedding(True)), gradients(model, embedding(False)))
