"""The image's share in the product vector, chosen by descriptions of held-out listings."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.vector_run import DIM, VectorRun, unit_vectors, vector_run
from vitrina.config.evaluation import EvaluateConfig, MeasureConfig
from vitrina.config.text import ListingConfig
from vitrina.config.training import SplitConfig
from vitrina.index.weight import (
    WEIGHTS,
    EncodeTexts,
    WeightChoice,
    best_weight,
    choose_weight,
    description_queries,
    reciprocal_ranks,
)
from vitrina.store.paths import to_path

CONFIG = MeasureConfig(
    evaluate=EvaluateConfig(),
    split=SplitConfig(validation_fraction=0.1, test_fraction=0.4, seed=0),
)
NOISE = 0.8


def described(noisy: str) -> tuple[VectorRun, EncodeTexts]:
    """Listings of which the texts or the images say little, and what encodes their descriptions."""
    rng = np.random.default_rng(0)
    run = vector_run(300)
    meaning = rng.standard_normal((300, DIM))
    noise = {name: NOISE * (8 if name == noisy else 1) for name in ("text", "img")}
    run.text, run.img = (
        unit_vectors(meaning + noise[name] * rng.standard_normal((300, DIM)))
        for name in ("text", "img")
    )
    run.rows["description"] = [f"Предмет номер {row} для дома. Хлопок." for row in range(300)]

    def encode(texts: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = [int(text.split()[2]) for text in texts]
        return unit_vectors(meaning[rows] + NOISE * rng.standard_normal((len(rows), DIM)))

    return run, encode


def choice(
    run: VectorRun, encode: EncodeTexts, folder: Path, config: MeasureConfig
) -> WeightChoice:
    """The choice for a run that is written to a folder."""
    table, vectors = run.write(to_path(folder))
    return choose_weight(table, vectors, config, encode)


@pytest.mark.parametrize(("noisy", "lowest", "highest"), [("img", 0, 0.4), ("text", 0.6, 1)])
def test_the_better_kind_of_vector_weighs_more(
    noisy: str, lowest: float, highest: float, tmp_path: Path
) -> None:
    """And finds more than both alone, or as much."""
    chosen = choice(*described(noisy), tmp_path, CONFIG)
    assert lowest <= chosen.image_weight <= highest
    assert chosen.mrr.keys() == set(WEIGHTS)
    assert chosen.mrr[chosen.image_weight] > min(chosen.mrr[0], chosen.mrr[1])


def test_without_descriptions_the_weight_is_even(tmp_path: Path) -> None:
    """Or if these are part of the text that was embedded, and would find themselves."""
    run, encode = described("img")
    listing = ListingConfig(text="{title}. {description}")
    with_text = CONFIG.model_copy(update={"listing": listing})
    assert choice(run, encode, tmp_path / "a", with_text) == WeightChoice(0.5, {})
    run.rows.loc[15:, "description"] = None
    assert choice(run, encode, tmp_path / "b", CONFIG) == WeightChoice(0.5, {})
    del run.rows["description"]
    assert choice(run, encode, tmp_path / "c", CONFIG) == WeightChoice(0.5, {})


def test_a_sentence_that_repeats_the_title_is_no_query(tmp_path: Path) -> None:
    """The next one is; a description of nothing else gives none."""
    run = vector_run(4)
    run.rows["description"] = [
        "КРУЖКА  0 с ручкой для дома. Держит тепло два часа.",
        "Кружка 1",
        None,
        "Просто предмет.",
    ]
    table, _ = run.write(to_path(tmp_path))
    queries = description_queries(table, run.rows["title"].tolist(), np.array([0, 1, 2, 3]))
    assert queries.texts == ["Держит тепло два часа.", "Просто предмет."]
    assert queries.listing.tolist() == [0, 3]


def test_any_listing_of_the_product_counts_as_found() -> None:
    """Ties rank in the middle."""
    items = np.array([[1, 0], [0.8, 0.6], [0, 1], [0, 1]], np.float32)
    queries = np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    ranks = reciprocal_ranks(queries, items, np.array([1, 0, 2]), np.array([0, 1, 2, 3]))
    np.testing.assert_allclose(ranks, [1 / 2, 1 / 4, 1 / 1.5])


def test_of_equally_good_weights_the_most_even_is_taken() -> None:
    """As far as the standard error tells them apart."""
    found = {0.0: 0.9, 0.4: 0.5, 0.7: 0.5, 1.0: 0.5}
    assert best_weight({one: np.full(9, mean) for one, mean in found.items()}) == 0.0
    noisy = {one: np.array([0.0, 1.0] * 8) + mean / 100 for one, mean in found.items()}
    assert best_weight(noisy) == 0.4
