"""Texts to token ids and to embeddings, as ruclip does, without its padding to 77 tokens."""

from collections.abc import Sequence

import torch
from torch import Tensor

from tasks.learning.model import ruclip
from tasks.learning.tokenizer import Tokenizer

PAD, BOS, EOS = 0, 2, 3  # ruclip.RuCLIPProcessor's ids

# ruclip.Predictor's: a text is embedded in each and the embeddings are averaged.
TEMPLATES = (
    "{}",
    "фото, на котором изображено {}",
    "изображение с {}",
    "картинка с {}",
    "фото с {}",
    "на фото видно {}",
)


def tokenize(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text as ruclip.RuCLIPProcessor gives them, without the padding.

    Texts are lower-cased and stripped, as ruclip.Predictor does; a row is bos, the text's tokens
    and eos, at most ``tokenizer.context_length`` ids.
    """
    if not texts:
        return []
    rows = tokenizer.bpe.encode([text.lower().strip() for text in texts])
    room = tokenizer.context_length - 2
    return [[BOS, *row[:room], EOS] for row in rows]


def pad(rows: Sequence[Sequence[int]]) -> Tensor:
    """The rows as one int64 tensor (batch, longest), padded with zeros on the right."""
    longest = max(map(len, rows), default=0)
    return torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows], dtype=torch.long)


def encode_text(clip: ruclip.CLIP, ids: Tensor) -> Tensor:
    """Text embeddings (batch, embed_dim), not normalised, of int64 ids (batch, length).

    Equals ``clip.encode_text`` of the ids padded to ``context_length``: attention is causal and
    only the first eos of a row is read, so padding changes nothing. Gradients flow.
    """
    length = ids.shape[1]
    x = clip.token_embedding(ids).type(clip.dtype)
    x = x + clip.positional_embedding[:length].type(clip.dtype)
    x = x.permute(1, 0, 2)
    mask = torch.full((length, length), -torch.inf, dtype=x.dtype, device=x.device).triu(1)
    for block in clip.transformer.resblocks:
        normed = block.ln_1(x)
        x = x + block.attn(normed, normed, normed, need_weights=False, attn_mask=mask)[0]
        x = x + block.mlp(block.ln_2(x))
    x = clip.ln_final(x.permute(1, 0, 2)).type(clip.dtype)
    eos = (ids == clip.eos_id).int().argmax(dim=1)
    embedding: Tensor = x[torch.arange(len(x), device=x.device), eos] @ clip.text_projection
    return embedding
