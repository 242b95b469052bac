"""Measuring models on held-out products, with a real tiny ruCLIP."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.support.measured_shop import CONFIG, MeasuredShop, measured_shop
from vitrina.catalog.products import product_groups
from vitrina.catalog.split import split_rows
from vitrina.config.text import ListingConfig
from vitrina.config.training import SplitConfig
from vitrina.errors import UserError
from vitrina.evaluation.aggregate import metrics_of
from vitrina.evaluation.measure import choose_rows, measure
from vitrina.evaluation.measurement import Measured
from vitrina.evaluation.metrics import retrieval_metrics
from vitrina.images.load import read_image, square_image
from vitrina.model.image_input import normalize
from vitrina.model.model import RuCLIP, load_folder
from vitrina.model.tokenize import TEMPLATES

EVALUATE, SPLIT = CONFIG.evaluate, CONFIG.split


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> MeasuredShop:
    """A processed table with its images, and two models of random weights."""
    return measured_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def table(shop: MeasuredShop) -> pd.DataFrame:
    """The processed table."""
    return shop.rows


@pytest.fixture(scope="module")
def model(shop: MeasuredShop) -> RuCLIP:
    """The first model."""
    return load_folder(Path(shop.models[0].folder))


@pytest.fixture(scope="module")
def measured(table: pd.DataFrame, model: RuCLIP) -> Measured:
    """The measurement of the first model."""
    return measure(table, model, EVALUATE, SPLIT)


def test_metrics_are_those_of_the_models_own_embeddings(
    table: pd.DataFrame, model: RuCLIP, measured: Measured
) -> None:
    """Retrieval metrics equal those of the package's own towers on the held-out rows."""
    held_out = split_rows(table, 0.1, 0.4, 0) == "test"
    rows = table[held_out]
    with torch.inference_mode():
        pixels = [
            torch.from_numpy(square_image(read_image(path), model.resolution, "shortest"))
            for path in rows["image_path"]
        ]
        image = model.clip.encode_image(normalize(torch.stack(pixels), model.mean, model.std))
        texts = [TEMPLATES[0].format(title.lower().strip()) for title in rows["title"]]
        text = model.clip.encode_text(model.processor()(text=texts)["input_ids"])
    image, text = (torch.nn.functional.normalize(one, dim=-1).numpy() for one in (image, text))
    expected = retrieval_metrics(image, text, product_groups(table)[held_out])
    for name, value in expected.items():
        assert measured.metrics[name] == pytest.approx(value, abs=1e-4), name


def test_everything_is_measured_and_counted(measured: Measured, table: pd.DataFrame) -> None:
    """Retrieval, duplicates, probe and zero-shot are there, with chance and row counts."""
    held_out = split_rows(table, 0.1, 0.4, 0) == "test"
    assert {
        "text_to_image_recall_at_1",
        "image_to_text_ndcg_at_10",
        "mean_median_rank",
        "duplicate_pr_auc_text",
        "duplicate_pr_auc_image",
        "duplicate_pr_auc_both",
        "probe_both_macro_f1",
        "zero_shot_accuracy",
    } <= measured.metrics.keys()
    assert measured.counts["ranked_rows"] == held_out.sum()
    assert measured.counts["ranked_products"] < held_out.sum()
    assert measured.counts["probe_classes"] == 3
    assert measured.metrics["chance_recall_at_1"] >= 1 / held_out.sum()
    assert measured.metrics["duplicate_pr_auc_text"] == pytest.approx(1)


def test_each_held_out_listing_has_its_figures(measured: Measured, table: pd.DataFrame) -> None:
    """Ids, products, ranks and predicted classes, a row each, from which the metrics follow."""
    rows = choose_rows(table, EVALUATE, SPLIT).ranked
    figures = measured.figures["listings"]
    assert figures["nm"].tolist() == [str(nm) for nm in table["nm"].iloc[rows]]
    assert figures["row"].tolist() == rows.tolist()
    assert figures["product"].tolist() == product_groups(table)[rows].tolist()
    assert figures["text_to_image_rank"].between(1, len(rows)).all()
    assert metrics_of(figures).items() <= measured.metrics.items()
    assert np.mean(figures["zero_shot"] == figures["label"]) == pytest.approx(
        measured.metrics["zero_shot_accuracy"]
    )


def test_rows_without_a_label_have_no_predicted_class(table: pd.DataFrame, model: RuCLIP) -> None:
    """Their columns are empty, and no metric of classes counts them."""
    some = table.assign(category=table["category"].where(table.index % 3 > 0, ""))
    figures = measure(some, model, EVALUATE, SPLIT).figures["listings"]
    unlabelled = figures["label"] == ""
    assert 0 < unlabelled.sum() < len(figures)
    for name in ("zero_shot", "probe_text", "probe_both"):
        assert (figures[name].isna() == unlabelled).all(), name


def test_examples_show_the_images_nearest_to_titles(
    measured: Measured, table: pd.DataFrame
) -> None:
    """An image is relevant exactly where it is of the title's product; the best comes first."""
    group = product_groups(table)
    assert len({example.row for example in measured.examples}) == 3
    for example in measured.examples:
        assert list(example.cosine) == sorted(example.cosine, reverse=True)
        same = [bool(group[row] == group[example.row]) for row in example.nearest]
        assert list(example.relevant) == same
        if any(same):
            assert example.rank == same.index(True) + 1
        else:
            assert example.rank > len(same)


def test_caps_limit_the_rows(table: pd.DataFrame, model: RuCLIP) -> None:
    """At most max_rows are ranked and probe_rows trained on, the same for every model."""
    config = EVALUATE.model_copy(update={"max_rows": 12, "probe_rows": 20})
    rows = choose_rows(table, config, SPLIT)
    assert (len(rows.ranked), len(rows.probe)) == (12, 20)
    np.testing.assert_array_equal(rows.ranked, choose_rows(table, config, SPLIT).ranked)
    capped = measure(table, model, config, SPLIT)
    assert capped.counts["ranked_rows"] == 12
    assert capped.counts["probe_train_rows"] <= 20


def test_a_table_without_labels_has_retrieval_metrics_only(
    table: pd.DataFrame, model: RuCLIP
) -> None:
    """Probe and zero-shot need the label column; without it they are absent, not zero."""
    unlabelled = measure(table.drop(columns="category"), model, EVALUATE, SPLIT)
    assert not [name for name in unlabelled.metrics if name.startswith(("probe", "zero_shot"))]
    one_class = measure(table.assign(category="Дом"), model, EVALUATE, SPLIT)
    assert not [name for name in one_class.metrics if name.startswith(("probe", "zero_shot"))]
    assert one_class.counts["probe_classes"] == 1


def test_without_a_test_part_the_validation_rows_are_ranked(table: pd.DataFrame) -> None:
    """A split in two parts evaluates on the second; without held-out rows there is an error."""
    two_parts = SplitConfig(validation_fraction=0.3, test_fraction=0, seed=0)
    part = split_rows(table, 0.3, 0, two_parts.seed)
    rows = choose_rows(table, EVALUATE, two_parts)
    np.testing.assert_array_equal(rows.ranked, np.flatnonzero(part == "validation"))
    one_part = SplitConfig(validation_fraction=0, test_fraction=0, seed=0)
    with pytest.raises(UserError, match=r"train\.test_fraction"):
        choose_rows(table, EVALUATE, one_part)


def test_texts_are_made_by_the_template(table: pd.DataFrame, model: RuCLIP) -> None:
    """For ranking, probe and duplicates alike: as if a column held these texts."""
    listing = ListingConfig(text="{title}. {category}")
    texts = [
        f"{title}. {kind}" for title, kind in zip(table["title"], table["category"], strict=True)
    ]
    found = measure(table, model, EVALUATE, SPLIT, listing)
    assert found.metrics != measure(table, model, EVALUATE, SPLIT).metrics
    written = table.assign(written=texts)
    expected = measure(written, model, EVALUATE, SPLIT, ListingConfig(text="{written}"))
    assert (found.metrics, found.examples) == (expected.metrics, expected.examples)
    pd.testing.assert_frame_equal(found.figures["listings"], expected.figures["listings"])
