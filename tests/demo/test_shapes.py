"""The goods that the demo can draw."""

from random import Random

import numpy as np
import pytest

from vitrina.demo.assortment import KINDS
from vitrina.demo.shapes import SHAPES


def test_every_kind_of_goods_has_a_shape() -> None:
    """Neither a kind without a drawing nor a drawing that no title names."""
    assert SHAPES.keys() == {kind.noun for kind in KINDS}


@pytest.mark.parametrize("kind", SHAPES)
def test_goods_show_their_fabric_and_vary(kind: str) -> None:
    """The pattern covers a part of every kind, and no two of a kind have the same proportions."""
    drawings = [SHAPES[kind](Random(seed)) for seed in range(6)]
    assert all(any(part.paint == "fabric" for part in parts) for parts in drawings)
    outlines = [np.concatenate([part.outline for part in parts]) for parts in drawings]
    assert all(np.abs(outline).max() < 1.5 for outline in outlines)
    assert len({outline.tobytes() for outline in outlines}) == 6
