"""The forward pass of training: ruCLIP's two towers as functions, through which gradients flow.

The values are those of ``ruclip.CLIP`` for less work (measured in docs/explanation/training.md):
batch-first layout without copies, QuickGELU as one SiLU, and the last block only for the token that
is read.

Inference has an implementation of its own, :mod:`vitrina.model.inference_towers`: it overwrites
activations and packs or quantizes weights, which autograd does not allow. These functions use the
parameters of the model itself, keep what the backward pass needs, and can recompute it instead
(gradient checkpointing).
"""

from collections.abc import Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from vitrina.model.attention import dot_product_attention
from vitrina.model.linear_layers import QUICK_GELU
from vitrina.model.model import ruclip

Block: TypeAlias = ruclip.model.ResidualAttentionBlock


def encode_image(clip: ruclip.CLIP, pixels: Tensor, *, recompute: bool = False) -> Tensor:
    """Image embeddings (batch, dim), not normalized, of normalized pixels (batch, 3, R, R).

    ``recompute`` keeps only each block's input for the backward pass (gradient checkpointing).
    """
    tower = clip.visual
    patches = tower.conv1(pixels).flatten(2).transpose(1, 2)
    class_token = tower.class_embedding.to(patches.dtype).expand(patches.shape[0], 1, -1)
    x = tower.ln_pre(torch.cat([class_token, patches], dim=1) + tower.positional_embedding)
    x = _blocks(list(tower.transformer.resblocks), x, None, None, recompute)
    embedding: Tensor = tower.ln_post(x) @ tower.proj
    return embedding


def encode_text(clip: ruclip.CLIP, ids: Tensor, *, recompute: bool = False) -> Tensor:
    """Text embeddings (batch, dim), not normalized, of int64 ids (batch, length).

    Equals ``clip.encode_text`` of the ids padded to ``context_length``: attention is causal and
    only the first eos of a row is read, so the ids after it change nothing.
    """
    length = ids.shape[1]
    eos = (ids == clip.eos_id).int().argmax(dim=1)
    x = clip.token_embedding(ids) + clip.positional_embedding[:length]
    mask = torch.ones((length, length), dtype=torch.bool, device=ids.device).tril()
    x = _blocks(list(clip.transformer.resblocks), x, mask, eos, recompute)
    embedding: Tensor = clip.ln_final(x) @ clip.text_projection
    return embedding


def _blocks(
    blocks: Sequence[Block],
    x: Tensor,
    mask: Tensor | None,
    position: Tensor | None,
    recompute: bool,
) -> Tensor:
    """All blocks over ``x`` (batch, length, width); returns one token of each row: (batch, width).

    ``mask``: bool (length, length), which token attends to which; ``position``: int64 (batch,), the
    token that is returned, by default the first.
    """
    for block in blocks[:-1]:
        if recompute and torch.is_grad_enabled():
            x = checkpoint(_block, block, x, mask, use_reentrant=False)
        else:
            x = _block(block, x, mask)
    return _last_block(blocks[-1], x, mask, position)


def _block(block: Block, x: Tensor, mask: Tensor | None) -> Tensor:
    """One pre-norm block over all tokens."""
    attention, batch, length = block.attn, x.shape[0], x.shape[1]
    qkv = F.linear(block.ln_1(x), attention.in_proj_weight, attention.in_proj_bias)
    query, key, value = qkv.view(batch, length, 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
    attended = dot_product_attention(query, key, value, mask)
    x = x + attention.out_proj(attended.transpose(1, 2).reshape(x.shape))
    return x + _mlp(block, block.ln_2(x))


def _last_block(block: Block, x: Tensor, mask: Tensor | None, position: Tensor | None) -> Tensor:
    """The last block, only for the token of each row that is read: (batch, width)."""
    attention, (batch, length, width) = block.attn, x.shape
    if position is None:
        position = torch.zeros(batch, dtype=torch.long, device=x.device)
    rows = torch.arange(batch, device=x.device)
    normed = block.ln_1(x)
    weight, bias = attention.in_proj_weight, attention.in_proj_bias
    query = F.linear(normed[rows, position], weight[:width], bias[:width])
    key_value = F.linear(normed, weight[width:], bias[width:])
    key, value = key_value.view(batch, length, 2, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
    query = query.view(batch, attention.num_heads, 1, -1)
    seen = None if mask is None else mask[position][:, None, None, :]
    attended = dot_product_attention(query, key, value, seen)
    token: Tensor = x[rows, position] + attention.out_proj(attended.reshape(batch, width))
    return token + _mlp(block, block.ln_2(token))


def _mlp(block: Block, x: Tensor) -> Tensor:
    """QuickGELU(x) is SiLU(1.702 x) / 1.702; both factors go into the (smaller) weights."""
    inner, outer = block.mlp.c_fc, block.mlp.c_proj
    hidden = F.silu(F.linear(x, inner.weight * QUICK_GELU, inner.bias * QUICK_GELU))
    return F.linear(hidden, outer.weight / QUICK_GELU, outer.bias)
