"""The baseline: what the original scripts do, in a few straightforward lines.

Images are fully decoded, one after another; ``ruclip.Predictor`` embeds the batches of a DataLoader
without workers; training is a float32 loop over such a DataLoader.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from vitrina.model.model import RuCLIP, ruclip


def resize_image(source: Path, target: Path, side: int, quality: int) -> None:
    """Decode fully with OpenCV, shrink with Pillow's thumbnail, save as JPEG."""
    pixels = cv2.cvtColor(cv2.imread(str(source)), cv2.COLOR_BGR2RGB)
    image = Image.fromarray(pixels)
    image.thumbnail((side, side))
    image.save(target, quality=quality)


class Pairs(Dataset[tuple[str, Image.Image]]):
    """Titles with their images, which are opened on access."""

    def __init__(self, titles: Sequence[str], paths: Sequence[str]) -> None:
        self.titles, self.paths = titles, paths

    def __len__(self) -> int:
        return len(self.titles)

    def __getitem__(self, row: int) -> tuple[str, Image.Image]:
        return self.titles[row], Image.open(self.paths[row]).convert("RGB")


def _load(titles: Sequence[str], paths: Sequence[str], batch_size: int) -> Iterable[Any]:
    pairs = Pairs(titles, paths)
    return DataLoader(
        pairs, batch_size=batch_size, collate_fn=lambda rows: list(zip(*rows, strict=True))
    )


def predictor(model: RuCLIP, batch_size: int, device: str = "cpu") -> ruclip.Predictor:
    """The ruclip package's own embedder; the model is moved to the device."""
    return ruclip.Predictor(model.clip, model.processor(), device, bs=batch_size, quiet=True)


@torch.no_grad()
def embed_texts(
    model: RuCLIP, titles: Sequence[str], batch_size: int, device: str = "cpu"
) -> np.ndarray:
    """Unit vectors of the titles, each averaged over six templates of 77 tokens."""
    found = predictor(model, batch_size, device).get_text_latents(titles)
    vectors: np.ndarray = found.cpu().numpy()
    return vectors


@torch.no_grad()
def embed_images(
    model: RuCLIP, paths: Sequence[str], batch_size: int, device: str = "cpu"
) -> np.ndarray:
    """Unit vectors of the images."""
    embed = predictor(model, batch_size, device).get_image_latents
    batches = _load([""] * len(paths), paths, batch_size)
    return np.concatenate([embed(images).cpu().numpy() for _, images in batches])


@torch.no_grad()
def embed_rows(
    model: RuCLIP, titles: Sequence[str], paths: Sequence[str], batch_size: int, npz: Path
) -> None:
    """Embed titles and images batch by batch into an NPZ."""
    embedder = predictor(model, batch_size)
    text, img = [], []
    for batch_titles, images in _load(titles, paths, batch_size):
        text.append(embedder.get_text_latents(batch_titles).numpy())
        img.append(embedder.get_image_latents(images).numpy())
    np.savez(npz, text=np.concatenate(text), img=np.concatenate(img))


def train(
    model: RuCLIP,
    titles: Sequence[str],
    paths: Sequence[str],
    batch_size: int,
    lr: float = 1e-6,
    device: str = "cpu",
) -> float:
    """Train all layers for one epoch in float32, texts padded to 77 tokens; the last loss."""
    clip, processor = model.clip.to(device).train(), model.processor()
    optimizer = torch.optim.AdamW(clip.parameters(), lr=lr)
    loss = torch.zeros(())
    for batch_titles, images in _load(titles, paths, batch_size):
        inputs = processor(text=list(batch_titles), images=list(images))
        per_image, per_text = clip(
            inputs["input_ids"].to(device), inputs["pixel_values"].to(device)
        )
        target = torch.arange(len(images), device=device)
        loss = (
            torch.nn.functional.cross_entropy(per_image, target)
            + torch.nn.functional.cross_entropy(per_text, target)
        ) / 2
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch has no type for it
        optimizer.step()
    clip.eval()
    return loss.item()
