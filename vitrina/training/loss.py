"""CLIP's contrastive loss; listings of one product can be masked, so as not to be negatives."""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - the conventional name
from torch import Tensor

from vitrina.config.queries import ListingKind

Loss = Callable[..., Tensor]

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


def query_loss(
    query: Tensor, listing: Tensor, logit_scale: Tensor, weights: Tensor, relevant: Tensor
) -> Tensor:
    """Weighted InfoNCE of queries and listings in both directions.

    Args:
        query: float (batch, dim), of unit length; row i belongs to listing i.
        listing: float (batch, dim), of unit length.
        logit_scale: float scalar that cosines are multiplied by.
        weights: float (batch,): how much a pair counts; 0 where there is no query. Its listing is
            then only a negative for the other queries.
        relevant: bool (batch, batch): where listing j is relevant to query i ≠ j, the two are no
            negatives of each other.

    Returns:
        The weighted mean of the cross-entropies in nats; 0 if there is no query.
    """
    logits = logit_scale * query @ listing.T
    own = torch.arange(len(logits), device=logits.device)
    others = own[:, None] != own
    logits = logits.masked_fill(relevant & others, -torch.inf)
    to_query = logits.T.masked_fill((weights == 0)[None, :] & others, -torch.inf)
    losses = [F.cross_entropy(one, own, reduction="none") for one in (logits, to_query)]
    return (weights * (losses[0] + losses[1])).sum() / (2 * weights.sum().clamp(min=1e-12))


def listing_features(image_features: Tensor, text_features: Tensor, kind: ListingKind) -> Tensor:
    """What queries are compared with: unit vectors of the text, the image, or their mean."""
    if kind == "mix":
        return F.normalize(image_features + text_features, dim=-1)
    return text_features if kind == "text" else image_features


def nested_loss(loss: Loss, features: Sequence[Tensor], lengths: Sequence[int]) -> Tensor:
    """The mean of a loss over the beginnings of the vectors (Kusupati et al. 2022, Matryoshka).

    With the whole length alone it is the loss itself.

    ``loss`` maps the features, each float (batch, length) of unit length, to a scalar.
    """
    if tuple(lengths) == (features[0].shape[1],):
        return loss(*features)
    values = [
        loss(*(F.normalize(one[:, :length], dim=-1) for one in features)) for length in lengths
    ]
    return torch.stack(values).mean()


def same_product(products: Tensor) -> Tensor:
    """Which rows are listings of one product: bool (batch, batch), from int64 (batch, keys).

    Two rows are of one product if any of their keys is equal: the title's or the image's.
    """
    return (products[:, None, :] == products[None, :, :]).any(-1)
