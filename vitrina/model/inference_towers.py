"""The forward pass of inference: ruCLIP's two towers without gradients, in place.

The values are those of ``clip.encode_image`` and ``clip.encode_text``, in less time: no transpose
to (length, batch, width), activations in place, the last layer computed only for the token that is
read, and the tokens that all texts begin with computed once. Weights are shared with the given
model, and copied only for another device, another dtype or a faster layout.

Training has an implementation of its own, :mod:`vitrina.model.forward`: autograd forbids the
in-place updates, and gradients need the model's own parameters instead of packed copies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from vitrina.model.linear_layers import Layer, LinearKind
from vitrina.model.model import ruclip

# Keys and values of the tokens, each (batch or 1, heads, length, width of a head).
KeysValues = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class ComputeTarget:
    """Device, dtype and kind of linear layer that a tower computes with."""

    device: torch.device
    dtype: torch.dtype
    kind: LinearKind

    def tensor(self, value: Tensor) -> Tensor:
        """The weight on the device in the dtype; the same memory if it already is."""
        return value.detach().to(self.device, self.dtype)

    def linear(self, weight: Tensor, bias: Tensor | None) -> Layer:
        """A layer with this weight (out, in) and bias (out,)."""
        return self.kind.linear(self.tensor(weight), None if bias is None else self.tensor(bias))

    def mlp(self, fc: nn.Linear, proj: nn.Linear) -> Layer:
        """The MLP of a block, made of its two layers."""
        first = self.tensor(fc.weight), self.tensor(fc.bias)
        return self.kind.mlp(first, (self.tensor(proj.weight), self.tensor(proj.bias)))


class LayerNorm:
    """Layer normalization over the last axis."""

    def __init__(self, norm: nn.LayerNorm, target: ComputeTarget) -> None:
        self.shape, self.eps = list(norm.normalized_shape), norm.eps
        self.weight, self.bias = target.tensor(norm.weight), target.tensor(norm.bias)

    def __call__(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.shape, self.weight, self.bias, self.eps)


class Block:
    """One residual attention block on (batch, length, width)."""

    def __init__(self, block: ruclip.model.ResidualAttentionBlock, target: ComputeTarget) -> None:
        attention, mlp = block.attn, block.mlp
        width = attention.embed_dim
        self.heads: int = attention.num_heads
        weight, bias = attention.in_proj_weight, attention.in_proj_bias
        self.ln_1, self.ln_2 = LayerNorm(block.ln_1, target), LayerNorm(block.ln_2, target)
        self.query = target.linear(weight[:width], bias[:width])
        self.key_value = target.linear(weight[width:], bias[width:])
        self.out = target.linear(attention.out_proj.weight, attention.out_proj.bias)
        self.mlp = target.mlp(mlp.c_fc, mlp.c_proj)

    def keys_values(self, normed: Tensor) -> KeysValues:
        """Keys and values of the tokens ``normed`` (batch, length, width)."""
        batch, length, _ = normed.shape
        pair = self.key_value(normed).view(batch, length, 2, self.heads, -1)
        key, value = pair.permute(2, 0, 3, 1, 4)
        return key, value

    def attend(self, normed: Tensor, keys_values: KeysValues, mask: Tensor | None) -> Tensor:
        """The attention of the tokens ``normed`` (batch, length, width) to other tokens."""
        batch, length, width = normed.shape
        query = self.query(normed).view(batch, length, self.heads, -1).transpose(1, 2)
        attended = F.scaled_dot_product_attention(query, *keys_values, attn_mask=mask)
        return self.out(attended.transpose(1, 2).reshape(batch, length, width))

    def add_mlp(self, x: Tensor) -> Tensor:
        """``x`` plus its MLP, written into ``x``."""
        return x.add_(self.mlp(self.ln_2(x)))


class ImageTower:
    """``clip.encode_image``: normalized pixels (batch, 3, R, R) to (batch, embed_dim)."""

    def __init__(self, clip: ruclip.CLIP, target: ComputeTarget) -> None:
        visual = clip.visual
        self.patch: int = visual.conv1.kernel_size[0]
        self.embed = target.linear(visual.conv1.weight.flatten(1), None)
        self.class_embedding = target.tensor(visual.class_embedding)
        self.positions = target.tensor(visual.positional_embedding)
        self.ln_pre = LayerNorm(visual.ln_pre, target)
        self.blocks = [Block(block, target) for block in visual.transformer.resblocks]
        self.ln_post = LayerNorm(visual.ln_post, target)
        self.projection = target.tensor(visual.proj)

    def __call__(self, pixels: Tensor) -> Tensor:
        x = self.embed(self._patches(pixels.to(self.positions.dtype)))
        class_token = self.class_embedding.expand(len(x), 1, -1)
        x = self.ln_pre(torch.cat([class_token, x], dim=1).add_(self.positions))
        for block in self.blocks[:-1]:
            normed = block.ln_1(x)
            x = block.add_mlp(x.add_(block.attend(normed, block.keys_values(normed), None)))
        last = self.blocks[-1]
        normed = last.ln_1(x)
        attended = last.attend(normed[:, :1], last.keys_values(normed), None)
        x = last.add_mlp(x[:, :1] + attended)
        return self.ln_post(x[:, 0]) @ self.projection

    def _patches(self, pixels: Tensor) -> Tensor:
        """The patches of the convolution as rows: (batch, patches, 3 * patch * patch)."""
        batch, side = len(pixels), self.patch
        rows = pixels.unfold(2, side, side).unfold(3, side, side)
        return rows.permute(0, 2, 3, 1, 4, 5).reshape(batch, -1, 3 * side * side)


@dataclass(frozen=True)
class Prefix:
    """Tokens that texts begin with: one prefix that all share, or one for each text.

    ``lengths`` is int64 (1 or batch,). The keys and values per layer are padded on the right to the
    longest prefix.
    """

    lengths: Tensor
    layers: tuple[KeysValues, ...]

    @property
    def longest(self) -> int:
        """The length that keys and values are padded to."""
        return self.layers[0][0].shape[2]

    @classmethod
    def of_rows(cls, prefixes: Sequence["Prefix"]) -> "Prefix":
        """One prefix for each text from as many that all would share."""
        longest = max(one.longest for one in prefixes)
        layers = [
            _stacked([one.layers[layer] for one in prefixes], longest)
            for layer in range(len(prefixes[0].layers))
        ]
        return cls(torch.cat([one.lengths for one in prefixes]), tuple(layers))


class TextTower:
    """``clip.encode_text``, without the padding to ``context_length``."""

    def __init__(self, clip: ruclip.CLIP, target: ComputeTarget) -> None:
        self.eos_id: int = clip.eos_id
        self.tokens = target.tensor(clip.token_embedding.weight)
        self.positions = target.tensor(clip.positional_embedding)
        self.blocks = [Block(block, target) for block in clip.transformer.resblocks]
        self.ln_final = LayerNorm(clip.ln_final, target)
        self.projection = target.tensor(clip.text_projection)

    def prefix(self, ids: tuple[int, ...]) -> Prefix:
        """Compute the token ids that texts begin with, bos first; attention is causal."""
        device = self.positions.device
        x = self._embed(torch.tensor([ids], device=device), None)
        mask = _visible(len(ids), None, device)
        layers = []
        for block in self.blocks:
            normed = block.ln_1(x)
            layers.append(block.keys_values(normed))
            x = block.add_mlp(x.add_(block.attend(normed, layers[-1], mask)))
        return Prefix(torch.tensor([len(ids)], device=device), tuple(layers))

    def __call__(self, ids: Tensor, prefix: Prefix | None = None) -> Tensor:
        """Embeddings (batch, embed_dim), not normalized, of int64 ids (batch, length).

        A row holds the ids after its prefix, ends with eos and is padded on the right.
        """
        x = self._embed(ids, prefix)
        mask = _visible(ids.shape[1], prefix, ids.device)
        rows = torch.arange(len(ids), device=ids.device)
        eos = (ids == self.eos_id).int().argmax(dim=1)
        for layer, block in enumerate(self.blocks):
            normed = block.ln_1(x)
            keys_values = block.keys_values(normed)
            if prefix:
                keys_values = _concatenated(prefix.layers[layer], keys_values)
            if layer < len(self.blocks) - 1:
                x = block.add_mlp(x.add_(block.attend(normed, keys_values, mask)))
        token = normed[rows, eos].unsqueeze(1)
        seen = mask.expand(len(ids), -1, -1, -1)[rows, :, eos].unsqueeze(2)
        attended = block.attend(token, keys_values, seen)
        x = block.add_mlp(x[rows, eos].unsqueeze(1).add_(attended))
        return self.ln_final(x[:, 0]) @ self.projection

    def _embed(self, ids: Tensor, prefix: Prefix | None) -> Tensor:
        """The embeddings of the ids, at the positions after their prefix."""
        places = torch.arange(ids.shape[1], device=ids.device)
        if prefix:
            # padding after a longer text's end may lie past the last position
            places = (places + prefix.lengths[:, None]).clamp_max(len(self.positions) - 1)
        return F.embedding(ids, self.tokens).add_(self.positions[places])


def _visible(length: int, prefix: Prefix | None, device: torch.device) -> Tensor:
    """Which tokens each of the last ``length`` sees: those of its prefix, itself and those between.

    bool (1 or batch, 1, length, longest prefix + length).
    """
    causal = torch.ones(1, 1, length, length, dtype=torch.bool, device=device).tril_()
    if not prefix:
        return causal
    own = torch.arange(prefix.longest, device=device) < prefix.lengths[:, None]
    batch = len(own)
    before = own[:, None, None].expand(batch, 1, length, -1)
    return torch.cat([before, causal.expand(batch, -1, -1, -1)], dim=3)


def _stacked(prefixes: Sequence[KeysValues], length: int) -> KeysValues:
    """The keys and values of several prefixes, each padded on the right to ``length``."""
    key, value = (
        torch.cat([F.pad(one, (0, 0, 0, length - one.shape[2])) for one in same])
        for same in zip(*prefixes, strict=True)
    )
    return key, value


def _concatenated(prefix: KeysValues, rest: KeysValues) -> KeysValues:
    """The keys and values of a prefix before those of each row's own tokens."""
    batch = len(rest[0])
    key, value = (
        torch.cat([one.expand(batch, -1, -1, -1), other], dim=2)
        for one, other in zip(prefix, rest, strict=True)
    )
    return key, value
