"""The ruCLIP called ``tiny``: a small architecture with random weights, for demos and tests.

From nothing it learns a few hundred drawn products in about half a minute on one CPU core.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import youtokentome as yttm

from tasks.errors import UserError
from tasks.learning.bpe import learn
from tasks.learning.model import RuCLIP, build, save_folder

# Patches of 8 pixels: with 16 a pattern is not told from another (half the recall on held-out
# products); a narrower or deeper image tower learned no better in the same time.
TINY: dict[str, Any] = {
    "embed_dim": 64,
    "image_resolution": 64,
    "vision_layers": 2,
    "vision_width": 128,
    "vision_patch_size": 8,
    "context_length": 77,
    "vocab_size": 1000,
    "transformer_width": 128,
    "transformer_heads": 2,
    "transformer_layers": 2,
}


def make_tiny(texts: Iterable[str], folder: Path, seed: int = 0) -> None:
    """Write a ruCLIP folder with random weights and a BPE learned from ``texts``.

    Equal texts and seed give equal bytes. The vocabulary has TINY's size, less if the texts do not
    have as many pieces, more if they have more characters. Raises UserError if they are all empty.
    """
    bpe = learn((text.lower().strip() for text in texts), TINY["vocab_size"])
    if not bpe:
        raise UserError("There is no text to make the model 'tiny' from: every row is empty.")
    with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch:
        tokenizer_path = Path(scratch) / "bpe.model"
        tokenizer_path.write_text(bpe, encoding="ascii")
        config = {**TINY, "vocab_size": yttm.BPE(str(tokenizer_path)).vocab_size()}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            clip = build(config)
        save_folder(RuCLIP(clip, tokenizer_path, config), folder)
