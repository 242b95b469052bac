"""The training loop of the original script, in a few straightforward lines: the baseline."""

import copy
from typing import Literal, cast

import pandas as pd
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from vitrina.model.model import RuCLIP

Halving = Literal["batch", "epoch"]


def train_original(
    model: RuCLIP,
    table: pd.DataFrame,
    epochs: int,
    batch_size: int,
    lr: float,
    halving: Halving,
    seed: int,
) -> RuCLIP:
    """Train all layers for ``epochs`` epochs and return the weights of the last one.

    StepLR(1, 0.5) halves the learning rate after every batch, as in the original script, or after
    every epoch, as may have been intended. Every other row is a negative, texts are padded to 77
    tokens, and images are read in the main process.
    """
    clip, processor = copy.deepcopy(model.clip).train(), model.processor()
    optimizer = torch.optim.AdamW(clip.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    rows = list(zip(table["title"], table["image_path"], strict=True))
    order = torch.Generator().manual_seed(seed)
    batches: DataLoader[tuple[str, str]] = DataLoader(
        cast(Dataset[tuple[str, str]], rows),  # a DataLoader takes a list too
        batch_size,
        shuffle=True,
        generator=order,
        collate_fn=list,
    )
    for _ in range(epochs):
        for batch in batches:
            images = [Image.open(path) for _, path in batch]
            inputs = processor(text=[title.lower().strip() for title, _ in batch], images=images)
            per_image, per_text = clip(inputs["input_ids"], inputs["pixel_values"])
            target = torch.arange(len(batch))
            loss = (F.cross_entropy(per_image, target) + F.cross_entropy(per_text, target)) / 2
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call] # torch has no type for it
            optimizer.step()
            if halving == "batch":
                scheduler.step()
        if halving == "epoch":
            scheduler.step()
    return model.with_clip(clip.eval())
