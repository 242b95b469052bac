"""The training loop that the seed document describes, in a few plain lines: the thing to beat."""

import copy
from typing import Literal, cast

import pandas as pd
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from vitrina.model.model import RuCLIP

Halving = Literal["batch", "epoch"]


def train_as_the_seed(
    model: RuCLIP,
    table: pd.DataFrame,
    epochs: int,
    batch_size: int,
    lr: float,
    halving: Halving,
    seed: int,
) -> RuCLIP:
    """All layers for some epochs; the last one's weights, whatever they are worth.

    StepLR(1, 0.5) halves the learning rate after every batch, as the seed's loop steps it, or after
    every epoch, as it may have been meant. Every other row is a negative, texts are padded to 77
    tokens, images read in the main process.
    """
    clip, processor = copy.deepcopy(model.clip).train(), model.processor()
    optimizer = torch.optim.AdamW(clip.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    rows = list(zip(table["title"], table["image_path"], strict=True))
    order = torch.Generator().manual_seed(seed)
    batches: DataLoader[tuple[str, str]] = DataLoader(
        cast(Dataset[tuple[str, str]], rows),  # a list is one, as far as a DataLoader goes
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
