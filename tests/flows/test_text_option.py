"""The option ``--text`` of the commands: a wrong column is refused before anything is written."""

import json
from pathlib import Path

import pytest

from flows.commands.generate_embeddings import check as check_embedding
from flows.commands.pipeline import check as check_pipeline
from flows.commands.train_model import check as check_training
from tests.support.shop import draw_shop, tiny_model
from vitrina.config.pipeline import PipelineConfig
from vitrina.config.scripts import GenerateEmbeddingsConfig, TrainModelConfig
from vitrina.errors import UserError

NEAREST = r"no column 'categoru'.*Did you mean 'category'\?"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a catalogue, its processed table, its images and a model."""
    folder = tmp_path_factory.mktemp("shop")
    rows = draw_shop(folder / "images", 12)
    rows.to_csv(folder / "processed_data.csv", index=False)
    catalog = rows.drop(columns="image_path").assign(description="Белая")
    catalog.to_parquet(folder / "catalog.parquet")
    tiny_model(folder / "model", rows, 0)
    return folder


def pipeline(shop: Path, output: Path, text: str) -> PipelineConfig:
    """A run on the catalogue."""
    return PipelineConfig(
        catalog=str(shop / "catalog.parquet"),
        images=str(shop / "images"),
        model=str(shop / "model"),
        output=str(output),
        text=text,
    )


def test_the_pipeline_checks_the_catalogues_columns(shop: Path, tmp_path: Path) -> None:
    """And the demo's, which is not drawn yet."""
    check_pipeline(pipeline(shop, tmp_path / "out", "{title}. {category}"))
    with pytest.raises(UserError, match=NEAREST):
        check_pipeline(pipeline(shop, tmp_path / "out", "{title}. {categoru}"))
    demo = {"catalog": "demo", "images": "demo", "model": "tiny", "output": str(tmp_path / "demo")}
    check_pipeline(PipelineConfig(**demo, text="{title}. {brend}"))
    with pytest.raises(UserError, match=f"The demo catalogue has {NEAREST}"):
        check_pipeline(PipelineConfig(**demo, text="{categoru}"))


@pytest.mark.parametrize("table", ["processed_data.csv", "absent/processed_data.csv"])
def test_training_checks_the_processed_table_or_its_catalogue(
    shop: Path, tmp_path: Path, table: str
) -> None:
    """Whichever is there."""
    config = TrainModelConfig(
        processed_data_path=str(shop / table),
        model_save_path=str(tmp_path / "model"),
        file_path=str(shop / "catalog.parquet"),
        base_image_path=str(shop / "images"),
        model=str(shop / "model"),
        text="{title}. {category}",
    )
    check_training(config)
    with pytest.raises(UserError, match=NEAREST):
        check_training(config.model_copy(update={"text": "{categoru}"}))


def test_embedding_checks_the_models_own_text_too(shop: Path, tmp_path: Path) -> None:
    """A model that was trained with other columns says which one the table lacks."""
    branded = tmp_path / "branded"
    branded.mkdir()
    for file in (shop / "model").iterdir():
        (branded / file.name).write_bytes(file.read_bytes())
    config = json.loads((branded / "config.json").read_text())
    (branded / "config.json").write_text(json.dumps(config | {"text": "{title}. {categoru}"}))
    embedding = GenerateEmbeddingsConfig(
        processed_data_csv=str(shop / "processed_data.csv"),
        output_path=str(tmp_path / "out" / "embeddings.npz"),
        model=str(branded),
    )
    with pytest.raises(UserError, match=NEAREST):
        check_embedding(embedding)
    check_embedding(embedding.model_copy(update={"text": "{title}"}))


@pytest.mark.parametrize("text", ["Кружка", "{title", "{}"])
def test_what_is_no_template_is_no_value_of_the_option(text: str) -> None:
    """It is refused with the option, as any wrong value."""
    with pytest.raises(ValueError, match="text"):
        PipelineConfig(catalog="demo", images="demo", text=text)
    assert GenerateEmbeddingsConfig(processed_data_csv="a", output_path="a.npz").text == ""
