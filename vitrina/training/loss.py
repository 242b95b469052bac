"""CLIP's contrastive loss; listings of one product can be masked, so as not to be negatives."""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - the conventional name
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]

# CLIP's bound on logit_scale: cosines are multiplied by 100 at most (Radford et al. 2021, 2.5).
MAX_LOGIT_SCALE = math.log(100)


def contrastive_loss(
    image_features: Tensor, text_features: Tensor, logit_scale: Tensor, same: Tensor | None = None
) -> Tensor:
    """InfoNCE in both directions: the mean of the image→text and text→image cross-entropies.

    Args:
        image_features: float (batch, dim), of unit length; row i belongs to text i.
        text_features: float (batch, dim), of unit length.
        logit_scale: float scalar that cosines are multiplied by (the exponential of CLIP's).
        same: bool (batch, batch), symmetric; where true, i ≠ j is left out of both softmax
            denominators. None: every other row is a negative.

    Returns:
        The loss in nats, a float32 scalar.
    """
    logits = logit_scale * image_features @ text_features.T
    own = torch.arange(len(logits), device=logits.device)
    if same is not None:
        others = same & (own[:, None] != own)
        logits = logits.masked_fill(others, -torch.inf)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def nested_loss(
    loss: Loss, image_features: Tensor, text_features: Tensor, lengths: Sequence[int]
) -> Tensor:
    """The mean of a loss over the beginnings of the vectors (Kusupati et al. 2022, Matryoshka).

    With the whole length alone it is the loss itself.

    ``loss`` maps image and text features, float (batch, length) of unit length, to a scalar.
    """
    dim = image_features.shape[1]
    if tuple(lengths) == (dim,):
        return loss(image_features, text_features)
    values = [
        loss(*(F.normalize(one[:, :length], dim=-1) for one in (image_features, text_features)))
        for length in lengths
    ]
    return torch.stack(values).mean()


def same_product(products: Tensor) -> Tensor:
    """Which rows are listings of one product: bool (batch, batch), from int64 (batch, keys).

    Two rows are of one product if any of their keys is equal: the title's or the image's.
    """
    return (products[:, None, :] == products[None, :, :]).any(-1)
