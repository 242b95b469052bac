"""The contrastive loss, and masking of one product's listings."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the conventional name

from tests.support.small_training import ROWS, records, small_config, small_fine_tune
from vitrina.model.model import RuCLIP
from vitrina.training.loss import (
    contrastive_loss,
    listing_features,
    nested_loss,
    query_loss,
    same_product,
)


def features(rows: int, seed: int) -> torch.Tensor:
    """Random unit vectors."""
    return F.normalize(torch.randn(rows, 8, generator=torch.Generator().manual_seed(seed)), dim=-1)


def plain_loss(image: torch.Tensor, text: torch.Tensor, scale: float, same: np.ndarray) -> float:
    """The loss written out with loops over single numbers."""
    cosines = (image.double() @ text.double().T).numpy() * scale
    total = 0.0
    for scores in (cosines, cosines.T):
        for row in range(len(scores)):
            negatives = [j for j in range(len(scores)) if j != row and not same[row, j]]
            denominator = sum(math.exp(scores[row, j]) for j in [row, *negatives])
            total += math.log(denominator) - scores[row, row]
    return total / (2 * len(image))


def test_loss_equals_plain_reference_with_and_without_masking() -> None:
    """Two rows of one product are in no denominator of each other; the rest is InfoNCE."""
    image, text, scale = features(6, 1), features(6, 2), torch.tensor(14.0)
    products = torch.tensor([[0, 0], [1, 1], [0, 2], [3, 1], [4, 4], [5, 5]])
    same = same_product(products)
    assert same.sum() == 6 + 4
    assert same[0, 2]
    assert same[1, 3]
    expected = plain_loss(image, text, 14.0, same.numpy())
    assert contrastive_loss(image, text, scale, same).item() == pytest.approx(expected, abs=1e-5)
    unmasked = plain_loss(image, text, 14.0, np.eye(6, dtype=bool))
    assert contrastive_loss(image, text, scale).item() == pytest.approx(unmasked, abs=1e-5)
    assert expected < unmasked


def test_a_nested_loss_is_the_mean_over_the_vectors_beginnings() -> None:
    """Each beginning is normalized again; the whole length alone is the plain loss to the bit."""
    image, text, scale = features(6, 1), features(6, 2), torch.tensor(14.0)

    def loss(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return contrastive_loss(one, other, scale)

    assert nested_loss(loss, (image, text), (8,)) == loss(image, text)
    parts = [
        plain_loss(
            F.normalize(image[:, :length], dim=1),
            F.normalize(text[:, :length], dim=1),
            14.0,
            np.eye(6, dtype=bool),
        )
        for length in (2, 4, 8)
    ]
    found = nested_loss(loss, (image, text), (4, 2, 8)).item()
    assert found == pytest.approx(sum(parts) / 3, abs=1e-5)


def test_equal_listings_do_not_push_each_other_apart() -> None:
    """With masking, a batch of two listings of one product has no loss and no gradient."""
    image = features(1, 1).repeat(2, 1).requires_grad_()
    text = features(1, 2).repeat(2, 1).requires_grad_()
    same = torch.ones(2, 2, dtype=torch.bool)
    loss = contrastive_loss(image, text, torch.tensor(10.0), same)
    loss.backward()
    assert loss.item() == 0
    assert image.grad is not None
    assert not image.grad.any()
    assert contrastive_loss(image, text, torch.tensor(10.0)).item() == pytest.approx(math.log(2))


@pytest.mark.parametrize(("same", "masked"), [("mask", True), ("negatives", False)])
def test_listings_with_one_title_are_not_negatives_in_training(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path, same: str, masked: bool
) -> None:
    """A catalogue of one title leaves nothing to contrast, unless its rows count as negatives."""
    equal = table.assign(title="Красное платье")
    config = small_config(num_epochs=1, same_products=same, log_every_steps=1)
    small_fine_tune(equal[:ROWS], equal[ROWS:], model, tmp_path, config)
    losses = [record["loss"] for record in records(tmp_path) if "loss" in record]
    assert (max(losses) == 0) is masked


def plain_query_loss(
    query: torch.Tensor,
    listing: torch.Tensor,
    scale: float,
    weights: list[float],
    relevant: np.ndarray,
) -> float:
    """The weighted loss written out with loops over single numbers."""
    cosines = (query.double() @ listing.double().T).numpy() * scale
    total = 0.0
    for row, weight in enumerate(weights):
        if not weight:
            continue
        listings = [j for j in range(len(weights)) if j == row or not relevant[row, j]]
        queries = [
            i for i in range(len(weights)) if i == row or (weights[i] and not relevant[i, row])
        ]
        down = math.log(sum(math.exp(cosines[row, j]) for j in listings))
        across = math.log(sum(math.exp(cosines[i, row]) for i in queries))
        total += weight * (down + across - 2 * cosines[row, row]) / 2
    return total / sum(weights)


def test_the_loss_of_queries_equals_a_plain_reference() -> None:
    """Weighted, without rows that have no query, and known listings are no negatives."""
    query, listing, scale = features(5, 1), features(5, 2), torch.tensor(9.0)
    weights = [2.0, 0.0, 0.5, 1.0, 1.0]
    relevant = np.eye(5, dtype=bool)
    relevant[0, 3] = relevant[2, 1] = relevant[4, 0] = True
    found = query_loss(
        query, listing, scale, torch.tensor(weights), torch.from_numpy(relevant)
    ).item()
    expected = plain_query_loss(query, listing, 9.0, weights, relevant)
    assert found == pytest.approx(expected, abs=1e-5)
    unmasked = query_loss(
        query, listing, scale, torch.tensor(weights), torch.eye(5, dtype=torch.bool)
    ).item()
    assert unmasked > found


def test_a_query_is_not_pushed_from_listings_that_were_chosen_for_it() -> None:
    """Two listings of one query and no other: no loss and no gradient."""
    query = features(1, 1).repeat(2, 1).requires_grad_()
    listing = features(2, 2).requires_grad_()
    loss = query_loss(
        query, listing, torch.tensor(10.0), torch.ones(2), torch.ones(2, 2, dtype=torch.bool)
    )
    loss.backward()
    assert loss.item() == 0
    assert query.grad is not None
    assert not query.grad.any()


def test_a_batch_without_queries_has_no_loss_of_them() -> None:
    """And no NaN in the gradient."""
    query, listing = features(3, 1).requires_grad_(), features(3, 2).requires_grad_()
    loss = query_loss(
        query, listing, torch.tensor(10.0), torch.zeros(3), torch.zeros(3, 3, dtype=torch.bool)
    )
    loss.backward()
    assert loss.item() == 0
    assert query.grad is not None
    assert query.grad.isfinite().all()


def test_a_listing_is_its_text_its_image_or_both() -> None:
    """Of unit length, as search mixes them."""
    image, text = features(4, 1), features(4, 2)
    assert listing_features(image, text, "text") is text
    assert listing_features(image, text, "image") is image
    both = listing_features(image, text, "mix")
    torch.testing.assert_close(both, F.normalize((image + text) / 2, dim=-1))
