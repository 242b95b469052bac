"""Tokenize texts as ruclip does, with a tokenizer that can be sent to another process."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import youtokentome as yttm


@dataclass(frozen=True)
class Tokenizer:
    """A picklable tokenizer: each process opens the ``bpe.model`` when it first needs it."""

    path: Path
    context_length: int  # maximum number of ids of a text, bos and eos included

    @functools.cached_property
    def bpe(self) -> yttm.BPE:
        """youtokentome's encoder, which cannot be pickled."""
        return yttm.BPE(str(self.path))

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "context_length": self.context_length}


PAD, BOS, EOS = 0, 2, 3  # ruclip.RuCLIPProcessor's ids

# ruclip.Predictor's: a text is embedded in each template and the embeddings are averaged.
TEMPLATES = (
    "{}",
    "фото, на котором изображено {}",
    "изображение с {}",
    "картинка с {}",
    "фото с {}",
    "на фото видно {}",
)


def tokenize(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """The token ids of each text, equal to ruclip.RuCLIPProcessor's without the padding.

    Texts are lower-cased and stripped, as ruclip.Predictor does. A row is bos, the text's tokens
    and eos; longer texts are cut to ``tokenizer.context_length`` ids.
    """
    if not texts:
        return []
    rows = tokenizer.bpe.encode([text.lower().strip() for text in texts])
    max_tokens = tokenizer.context_length - 2
    return [[BOS, *row[:max_tokens], EOS] for row in rows]
