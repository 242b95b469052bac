"""What `flows/train_model.py` makes of its paths before it trains."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.commands.data_preprocessing import check as check_preprocessing
from flows.commands.train_model import preprocessing
from vitrina.config.scripts import DataPreprocessingConfig, TrainModelConfig
from vitrina.errors import UserError


def config(folder: Path, images: str) -> TrainModelConfig:
    """A training in a folder whose table is still to be made."""
    return TrainModelConfig(
        processed_data_path=str(folder / "processed_data.csv"),
        model_save_path=str(folder / "model"),
        file_path=str(folder / "catalog.parquet"),
        base_image_path=str(folder / images),
    )


@pytest.mark.parametrize(
    ("images", "resized"),
    [("photos", "images"), ("images", "resized"), ("photos/../images/", "resized")],
)
def test_resized_images_never_go_where_the_original_ones_are(
    tmp_path: Path, images: str, resized: str
) -> None:
    """Beside the table in images, or in resized if images holds the originals."""
    paths = preprocessing(config(tmp_path, images))
    assert paths.processed_images_path == str(tmp_path / resized)


def test_originals_behind_a_link_are_not_overwritten(tmp_path: Path) -> None:
    """A link to the folder of originals counts as that folder."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "images").symlink_to("photos")
    paths = preprocessing(config(tmp_path, "photos"))
    assert paths.processed_images_path == str(tmp_path / "resized")


def test_preprocessing_refuses_to_overwrite_the_originals_before_it_starts(tmp_path: Path) -> None:
    """The check of the script at hand names its option."""
    (tmp_path / "images").mkdir()
    catalog = pa.table({"nm": [1], "title": ["Кружка"], "description": ["Белая"]})
    pq.write_table(catalog, tmp_path / "catalog.parquet")
    with pytest.raises(UserError, match="Name another folder for the resized ones"):
        check_preprocessing(
            DataPreprocessingConfig(
                file_path=str(tmp_path / "catalog.parquet"),
                base_image_path=str(tmp_path / "images"),
                processed_data_path=str(tmp_path / "processed"),
                processed_images_path=str(tmp_path / "images"),
            )
        )
