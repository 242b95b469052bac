"""The vectors of ruclip.Predictor, which the embedder's must equal, and texts to compare."""

import numpy as np
import torch
from PIL import Image

from vitrina.model.model import RuCLIP, ruclip

WORDS = ["платье", "красное", "синее", "хлопок", "летняя", "куртка", "тёплая", "чайник", "1.7", "л"]
TITLES = [
    "Платье красное",
    "  ПЛАТЬЕ красное ",
    "",
    "   ",
    "Ё",
    "чайник 1.7 л, фото с {} видно",
    "куртка зимняя тёплая синяя " * 40,
    "ж" * 500,
    "emoji 🙂 and latin",
    *(" ".join(WORDS[: length + 1]) for length in range(len(WORDS))),
]


def predictor(model: RuCLIP) -> ruclip.Predictor:
    """The package's own embedder of a model."""
    return ruclip.Predictor(model.clip, model.processor(), "cpu", bs=4, quiet=True)


@torch.no_grad()
def reference_texts(model: RuCLIP, texts: list[str]) -> np.ndarray:
    """The package's vectors of texts."""
    return predictor(model).get_text_latents(texts).numpy()


@torch.no_grad()
def reference_images(model: RuCLIP, paths: list[str]) -> np.ndarray:
    """The package's vectors of image files."""
    return predictor(model).get_image_latents([Image.open(path) for path in paths]).numpy()
