"""The evaluation of models on held-out products, with real tiny ruCLIPs."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.evaluate import evaluate
from tests.support.shop import draw_shop, tiny_model
from vitrina.catalog.products import product_groups
from vitrina.catalog.split import split_rows
from vitrina.config import EvaluateConfig, TrainConfig
from vitrina.errors import UserError
from vitrina.evaluation import measure as measuring
from vitrina.evaluation import stored as stage
from vitrina.evaluation.measure import Measurement, choose_rows, measure
from vitrina.evaluation.metrics import retrieval_metrics
from vitrina.evaluation.summary import check_labels, uncertainty, warn_of_few
from vitrina.model.model import load_folder
from vitrina.reporting.contact_sheet import draw_contact_sheet
from vitrina.results import EvaluateResult, ModelResult
from vitrina.store.artifacts import Store
from vitrina.store.paths import to_path
from vitrina.training import tracking

CONFIG = EvaluateConfig(device="cpu", examples=3, templates="single")
SPLIT = TrainConfig(validation_fraction=0.1, test_fraction=0.4)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a processed table, its images, and two models of random weights."""
    folder = tmp_path_factory.mktemp("shop")
    table = draw_shop(folder / "images")
    table.to_parquet(folder / "table.parquet")
    for seed in (0, 1):
        tiny_model(folder / f"model{seed}", table, seed)
    return folder


@pytest.fixture(scope="module")
def table(shop: Path) -> pd.DataFrame:
    """The processed table."""
    return pd.read_parquet(shop / "table.parquet")


@pytest.fixture(scope="module")
def measured(shop: Path, table: pd.DataFrame) -> Measurement:
    """The figures of the first model."""
    return measure(table, load_folder(shop / "model0"), CONFIG, SPLIT)


@pytest.fixture
def run(shop: Path, tmp_path: Path) -> Callable[..., EvaluateResult]:
    """Run the stage on the shop, whatever is stored being returned as Prefect would hand it on."""

    def run(**changes: object) -> EvaluateResult:
        models = [
            ModelResult(folder=str(shop / f"model{seed}"), fingerprint=f"m{seed}")
            for seed in (0, 1)
        ]
        arguments = {
            "config": CONFIG,
            "split": SPLIT,
            "store": Store(root=str(tmp_path)),
            **changes,
        }
        found = evaluate.fn(str(shop / "table.parquet"), "fp", *models, **arguments)
        return found if isinstance(found, EvaluateResult) else found.data

    return run


def test_figures_are_those_of_the_models_own_embeddings(
    shop: Path, table: pd.DataFrame, measured: Measurement
) -> None:
    """Retrieval figures equal those of the package's own towers on the held-out rows."""
    import torch

    from vitrina.images.load import normalize, read_image, square_image
    from vitrina.model.tokenize import TEMPLATES

    model = load_folder(shop / "model0")
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


def test_everything_is_measured_and_counted(measured: Measurement, table: pd.DataFrame) -> None:
    """Retrieval, duplicates, probe and zero-shot are there, with chance and counts of rows."""
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


def test_figures_of_few_products_come_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """1.96 standard errors of a recall of one half; silent where there are products enough."""
    assert uncertainty(100) == pytest.approx(0.098)
    warn_of_few(30)
    assert not caplog.records
    warn_of_few(4)
    assert "4 products are held out, so a recall of theirs is known to within 0.49" in caplog.text


def test_a_named_label_column_must_be_there() -> None:
    """The default one may be missing: then there are no figures by class."""
    check_labels(["nm", "title"], EvaluateConfig())
    check_labels(["nm", "brand"], EvaluateConfig(label_column="brand"))
    with pytest.raises(UserError, match=r"no column 'brnd' .* it has: nm, brand\. Set evaluate"):
        check_labels(["nm", "brand"], EvaluateConfig(label_column="brnd"))


def test_examples_show_what_the_titles_find(measured: Measurement, table: pd.DataFrame) -> None:
    """An example's frames are right exactly where the image is of the same product."""
    group = product_groups(table)
    assert len({example.row for example in measured.examples}) == 3
    for example in measured.examples:
        assert list(example.cosine) == sorted(example.cosine, reverse=True)
        same = [bool(group[row] == group[example.row]) for row in example.found]
        assert list(example.relevant) == same
        if any(same):
            assert example.rank == same.index(True) + 1
        else:
            assert example.rank > len(same)


def test_caps_limit_the_rows(shop: Path, table: pd.DataFrame) -> None:
    """At most max_rows are ranked and probe_rows learned from, the same for every model."""
    config = CONFIG.model_copy(update={"max_rows": 12, "probe_rows": 20})
    rows = choose_rows(table, config, SPLIT)
    assert (len(rows.ranked), len(rows.probe)) == (12, 20)
    np.testing.assert_array_equal(rows.ranked, choose_rows(table, config, SPLIT).ranked)
    found = measure(table, load_folder(shop / "model0"), config, SPLIT)
    assert found.counts["ranked_rows"] == 12
    assert found.counts["probe_train_rows"] <= 20


def test_a_table_without_labels_has_retrieval_figures_only(shop: Path, table: pd.DataFrame) -> None:
    """Probe and zero-shot need the label column; without it they are absent, not zero."""
    model = load_folder(shop / "model0")
    found = measure(table.drop(columns="category"), model, CONFIG, SPLIT)
    assert not [name for name in found.metrics if name.startswith(("probe", "zero_shot"))]
    one_class = measure(table.assign(category="Дом"), model, CONFIG, SPLIT)
    assert not [name for name in one_class.metrics if name.startswith(("probe", "zero_shot"))]
    assert one_class.counts["probe_classes"] == 1


def test_without_a_test_part_the_validation_rows_are_ranked(table: pd.DataFrame) -> None:
    """A split of two parts evaluates on the second; a split of one cannot."""
    two = TrainConfig(validation_fraction=0.3, test_fraction=0)
    side = split_rows(table, 0.3, 0, two.seed)
    rows = choose_rows(table, CONFIG, two)
    np.testing.assert_array_equal(rows.ranked, np.flatnonzero(side == "validation"))
    with pytest.raises(UserError, match=r"train\.test_fraction"):
        choose_rows(table, CONFIG, TrainConfig(validation_fraction=0, test_fraction=0))


def test_the_stage_writes_the_report_and_the_sheet(run: Callable[..., EvaluateResult]) -> None:
    """evaluation.json holds what the result does, with chance and counts; the sheet is a PNG."""
    result = run()
    report = Path(result.report)
    content = json.loads(report.read_text())
    assert content["before"] == result.before
    assert content["after"] == result.after
    assert result.before != result.after
    assert content["counts"]["ranked_rows"] > 10
    assert content["split"] == {"validation_fraction": 0.1, "test_fraction": 0.4, "seed": 0}
    assert Image.open(report.with_name("contact_sheet.png")).size[0] > 500


def test_a_second_run_measures_nothing_and_a_new_model_only_itself(
    run: Callable[..., EvaluateResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored figures are taken over: all of them, or those of the base model alone."""
    asked: list[int] = []
    real = measuring.measure

    def counting(*arguments: object) -> Measurement:
        asked.append(1)
        return real(*arguments)

    monkeypatch.setattr(measuring, "measure", counting)
    first = run()
    assert len(asked) == 2
    assert run() == first
    assert len(asked) == 2
    assert run(config=CONFIG.model_copy(update={"batch_size": 7})) == first
    assert len(asked) == 2, "the batch size decides no figure"
    run(refresh=True)
    assert len(asked) == 4
    run(config=CONFIG.model_copy(update={"templates": "ruclip"}))
    assert len(asked) == 6


def test_the_base_model_is_measured_once(
    run: Callable[..., EvaluateResult], tmp_path: Path, shop: Path
) -> None:
    """Another fine-tuned model finds the base model's figures in the store."""
    run()
    models = [ModelResult(folder=str(shop / "gone"), fingerprint="m0")]
    models.append(ModelResult(folder=str(shop / "model0"), fingerprint="m2"))
    store = Store(root=str(tmp_path))
    result = evaluate.fn(str(shop / "table.parquet"), "fp", *models, store, CONFIG, SPLIT)
    assert result.before == pytest.approx(result.after), "the folder of m0 was not opened"


def test_the_stage_runs_in_a_bucket(run: Callable[..., EvaluateResult], bucket: str) -> None:
    """Report and sheet go where the store is."""
    result = run(store=Store(root=bucket))
    report = to_path(result.report)
    assert json.loads(report.read_text())["after"] == result.after
    assert (report.parent / stage.CONTACT_SHEET).stat().st_size > 10_000


def test_right_images_are_framed_green(measured: Measurement, table: pd.DataFrame) -> None:
    """The sheet has green frames exactly when an example has right images."""

    def green(right: bool) -> int:
        examples = [
            example.model_copy(update={"right": (right,) * 5}) for example in measured.examples
        ]
        grey = table.assign(image_path=table["image_path"][0])
        shown = measured.model_copy(update={"examples": tuple(examples)})
        sheet = np.asarray(Image.open(io.BytesIO(draw_contact_sheet(grey, shown))).convert("RGB"))
        return int(np.all(np.abs(sheet.astype(int) - (42, 157, 74)) < 8, axis=2).sum())

    assert green(relevant=True) > 15 * 300 > 20 * green(relevant=False)


def test_figures_go_to_wandb_once(
    run: Callable[..., EvaluateResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a project, both models' figures are one run of it; a stored evaluation sends nothing."""
    sent: list[tuple[str, dict[str, float]]] = []

    class Recording(tracking.WandbTracker):
        def __init__(self, project: str, *_: object) -> None:
            self.project = project

        def log(self, record: Mapping[str, float]) -> None:
            sent.append((self.project, dict(record)))

        def finish(self) -> None:
            pass

    monkeypatch.setattr(tracking, "Wandb", Recording)
    result = run(project_name="fine-tuning-ruclip")
    run(project_name="fine-tuning-ruclip")
    ((project, record),) = sent
    assert project == "fine-tuning-ruclip"
    assert record["before/mean_recall_at_1"] == result.before["mean_recall_at_1"]
    assert record["after/mean_recall_at_1"] == result.after["mean_recall_at_1"]
