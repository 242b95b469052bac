"""ruCLIP's two towers, the same function of the same weights as the package's, in less work.

Measured against ``ruclip.CLIP`` (docs/training.md): batch-first layout without copies, QuickGELU as
one SiLU, and the last block for the single token that is read. Gradients flow to the weights.
"""

from collections.abc import Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from vitrina.model.model import ruclip

Block: TypeAlias = ruclip.model.ResidualAttentionBlock
QUICK_GELU = 1.702  # x · sigmoid(1.702 x), Hendrycks and Gimpel 2016


def encode_image(clip: ruclip.CLIP, pixels: Tensor, *, recompute: bool = False) -> Tensor:
    """Image embeddings (batch, dim), not normalised, of normalised pixels (batch, 3, R, R).

    ``recompute`` keeps only each block's input for the backward pass (gradient checkpointing).
    """
    tower = clip.visual
    patches = tower.conv1(pixels).flatten(2).transpose(1, 2)
    start = tower.class_embedding.to(patches.dtype).expand(len(patches), 1, -1)
    x = tower.ln_pre(torch.cat([start, patches], dim=1) + tower.positional_embedding)
    x = _stack(list(tower.transformer.resblocks), x, None, None, recompute)
    embedding: Tensor = tower.ln_post(x) @ tower.proj
    return embedding


def encode_text(clip: ruclip.CLIP, ids: Tensor, *, recompute: bool = False) -> Tensor:
    """Text embeddings (batch, dim), not normalised, of int64 ids (batch, length).

    Equals ``clip.encode_text`` of the ids padded to ``context_length``: attention is causal and
    only the first eos of a row is read, so what follows it changes nothing.
    """
    length = ids.shape[1]
    eos = (ids == clip.eos_id).int().argmax(dim=1)
    x = clip.token_embedding(ids) + clip.positional_embedding[:length]
    seen = torch.ones((length, length), dtype=torch.bool, device=ids.device).tril()
    x = _stack(list(clip.transformer.resblocks), x, seen, eos, recompute)
    embedding: Tensor = clip.ln_final(x) @ clip.text_projection
    return embedding


def _stack(
    blocks: Sequence[Block], x: Tensor, seen: Tensor | None, at: Tensor | None, recompute: bool
) -> Tensor:
    """All blocks over (batch, length, width); the output (batch, width) at one token of each row.

    ``seen``: bool (length, length), which token attends to which; ``at``: int64 (batch,), the token
    that is read, the first by default.
    """
    for block in blocks[:-1]:
        if recompute and torch.is_grad_enabled():
            x = checkpoint(_block, block, x, seen, use_reentrant=False)
        else:
            x = _block(block, x, seen)
    return _read(blocks[-1], x, seen, at)


def _block(block: Block, x: Tensor, seen: Tensor | None) -> Tensor:
    """One pre-norm block over all tokens."""
    attention, batch, length = block.attn, x.shape[0], x.shape[1]
    joint = F.linear(block.ln_1(x), attention.in_proj_weight, attention.in_proj_bias)
    joint = joint.view(batch, length, 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
    found = F.scaled_dot_product_attention(joint[0], joint[1], joint[2], attn_mask=seen)
    x = x + attention.out_proj(found.transpose(1, 2).reshape(x.shape))
    return x + _mlp(block, block.ln_2(x))


def _read(block: Block, x: Tensor, seen: Tensor | None, at: Tensor | None) -> Tensor:
    """The last block, for the token that is read alone: (batch, width)."""
    attention, (batch, length, width) = block.attn, x.shape
    if at is None:
        at = torch.zeros(batch, dtype=torch.long, device=x.device)
    rows = torch.arange(batch, device=x.device)
    normed = block.ln_1(x)
    weight, bias = attention.in_proj_weight, attention.in_proj_bias
    query = F.linear(normed[rows, at], weight[:width], bias[:width])
    joint = F.linear(normed, weight[width:], bias[width:])
    keys, values = joint.view(batch, length, 2, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
    found = F.scaled_dot_product_attention(
        query.view(batch, attention.num_heads, 1, -1),
        keys,
        values,
        attn_mask=None if seen is None else seen[at][:, None, None, :],
    )
    token: Tensor = x[rows, at] + attention.out_proj(found.reshape(batch, width))
    return token + _mlp(block, block.ln_2(token))


def _mlp(block: Block, x: Tensor) -> Tensor:
    """QuickGELU(x) is SiLU(1.702 x) / 1.702; both factors go into the (smaller) weights."""
    inner, outer = block.mlp.c_fc, block.mlp.c_proj
    hidden = F.silu(F.linear(x, inner.weight * QUICK_GELU, inner.bias * QUICK_GELU))
    return F.linear(hidden, outer.weight / QUICK_GELU, outer.bias)
