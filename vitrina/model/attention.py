"""Attention with gradients, the fastest way for the device and the dtype."""

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor


def dot_product_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017): (batch, heads, queries, width).

    ``query`` has that shape, ``key`` and ``value`` are (batch, heads, keys, width), all of one
    dtype. ``mask``: bool, True where a query attends to a key, broadcast to (batch, heads, queries,
    keys); each query attends to at least one key.

    In bfloat16 on a CPU it is two plain products: forward and backward, torch's fused kernel takes
    3 to 6 times as long. The products round the scores to bfloat16; inference, which has little to
    gain, uses the fused kernel, which keeps them in float32.
    """
    if query.device.type != "cpu" or query.dtype != torch.bfloat16:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    attended: Tensor = scores.softmax(dim=-1) @ value
    return attended
