"""The command lines as a user runs them: each in a process of its own, on a drawn catalogue."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from tests.support.command_line import command
from vitrina.demo.catalog import DemoFacts, draw_catalog
from vitrina.model.model import ruclip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoFacts]:
    """A folder with catalog.parquet and images/, and what was planted in it."""
    folder = tmp_path_factory.mktemp("shop")
    return folder, draw_catalog(folder, products=120, seed=3)


@pytest.mark.slow
def test_the_three_scripts_run_one_after_another(shop: tuple[Path, DemoFacts]) -> None:
    """Preprocess, train, embed: the promised files, and vectors that equal ruclip.Predictor's."""
    folder, facts = shop
    first = command(
        "data_preprocessing.py",
        *("--file_path", folder / "catalog.parquet", "--base_image_path", folder / "images"),
        *("--processed_data_path", folder / "processed"),
        *("--processed_images_path", folder / "resized", "--default_image_size", 96, 96),
    )
    assert first.returncode == 0, first.stderr
    csv = folder / "processed" / "processed_data.csv"
    table, rejected = pd.read_csv(csv), pd.read_csv(folder / "processed" / "rejected.csv")
    assert list(table.columns[:2]) == ["title", "image_path"]
    assert len(table) + len(rejected) == facts.rows
    assert rejected["reason"].value_counts().to_dict() == facts.rejected

    second = command(
        "train_model.py",
        *("--processed_data_path", csv, "--model_save_path", folder / "model"),
        *("--model", "tiny", "--num_epochs", 2, "--batch_size", 32, "--lr", 1e-4),
    )
    assert second.returncode == 0, second.stderr
    checkpoint = folder / "model" / "ruCLIP_model_epoch2.pth"
    content = torch.load(checkpoint, weights_only=True)
    assert {"epoch", "model_state_dict", "optimizer_state_dict"} <= set(content)

    third = command(
        "generate_embeddings.py",
        *("--fine_tuned_model_path", checkpoint, "--processed_data_csv", csv),
        *("--output_path", folder / "embeddings.npz", "--batch_size", 32),
    )
    assert third.returncode == 0, third.stderr
    made = np.load(folder / "embeddings.npz")
    assert made["nm"].tolist() == table["nm"].tolist()
    best = folder / "model" / "ruclip"
    clip = ruclip.CLIP.from_pretrained(best)
    clip.load_state_dict(content["model_state_dict"])
    processor = ruclip.RuCLIPProcessor.from_pretrained(best)
    predictor = ruclip.Predictor(clip, processor, "cpu", quiet=True)
    with torch.no_grad():
        text = predictor.get_text_latents(table["title"].tolist()).numpy()
        images = [Image.open(path) for path in table["image_path"]]
        img = predictor.get_image_latents(images).numpy()
    np.testing.assert_allclose(made["text"], text, atol=1e-5)
    np.testing.assert_allclose(made["img"], img, atol=1e-5)


@pytest.mark.slow
def test_the_pipeline_runs_the_whole_way_and_then_does_nothing(tmp_path: Path) -> None:
    """Every artifact is there after the first run; in the second every stage is cached."""
    arguments = ("--demo", "--demo_products", 60, "--output", tmp_path / "out")
    arguments += (
        "--train.num_epochs",
        2,
        "--gate.margin",
        -1,
    )  # promoted, whatever it is worth after two epochs
    first = command("pipeline.py", *arguments)
    assert first.returncode == 0, first.stderr
    assert "recall@1" in first.stdout
    for file in (
        "train/latest/ruCLIP_model_epoch2.pth",
        "train/latest/ruclip/pytorch_model.bin",
        "evaluate/latest/evaluation.json",
        "embed/latest/embeddings.npz",
        "report/latest/report.html",
        "resize/latest/rejected.csv",
    ):
        assert (tmp_path / "out" / file).stat().st_size > 0
    second = command("pipeline.py", *arguments, python=("-X", "importtime"))
    assert second.returncode == 0, second.stderr
    imported = {line.rsplit("| ")[-1].strip() for line in second.stderr.splitlines()}
    assert "prefect" in imported
    # Seconds, for nothing.
    for name in ("torch", "scipy", "sklearn", "lancedb", "prefect.server", "alembic", "docker"):
        assert name not in imported
    stages = [line for line in second.stderr.splitlines() if "Task run" in line]
    assert [line for line in stages if "Cached(" not in line] == []
    assert len(stages) == 13
    third = command("pipeline.py", *arguments, "--train.lr", 1e-4)
    ran = [
        line.split("Task run '")[1].split("'")[0].rsplit("-", 1)[0]
        for line in third.stderr.splitlines()
        if "Task run" in line and "Cached(" not in line
    ]
    assert {"draw_demo", "clean", "resize", "prepare_model"}.isdisjoint(ran)
    assert {"train", "evaluate"} <= set(ran)


@pytest.mark.parametrize(
    ("script", "arguments", "told"),
    [
        (
            "data_preprocessing.py",
            "--file_path absent.parquet --base_image_path . --processed_data_path out "
            "--processed_images_path out/images",
            "absent.parquet does not exist",
        ),
        (
            "train_model.py",
            "--processed_data_path no_path.csv --model_save_path out --model tiny",
            "has no column 'image_path'",
        ),
        (
            "generate_embeddings.py",
            "--processed_data_csv no_path.csv --output_path out/e.npz --model tiny",
            "has no column 'image_path'",
        ),
        ("pipeline.py", "--catalog no_title.parquet --images .", "has no column 'title'"),
        ("pipeline.py", "--demo --model rucip-vit-base-patch32-384", "Did you mean"),
    ],
)
def test_wrong_input_is_answered_in_two_lines(
    script: str, arguments: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, at most two lines that say what is wrong, nothing written."""
    monkeypatch.chdir(tmp_path)
    Path("no_path.csv").write_text("title\nКружка\n")
    pd.DataFrame({"nm": [1], "description": ["Кружка"]}).to_parquet("no_title.parquet")
    before = sorted(tmp_path.rglob("*"))
    done = command(script, *arguments.split())
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert done.stderr.count("\n") <= 2
    assert sorted(tmp_path.rglob("*")) == before
