"""What ``vitrina inspect`` prints and writes."""

from pathlib import Path

import pytest

from flows.inspect_catalog import check, inspect
from vitrina.config.inspection import InspectConfig
from vitrina.errors import UserError


@pytest.fixture
def shop(tmp_path: Path) -> InspectConfig:
    """A catalogue of which a third has no description, and an image of every second row."""
    rows = [f"{nm};Ваза {nm};{'Стекло' if nm % 3 else ''};{'Д' * 60}" for nm in range(30)]
    text = "\n".join(["nm;title;description;note", *rows])
    (tmp_path / "c.csv").write_text(text, encoding="cp1251")
    (tmp_path / "images").mkdir()
    for nm in range(0, 30, 2):
        (tmp_path / "images" / f"{nm}.jpg").write_bytes(b"x")
    return InspectConfig(catalog=str(tmp_path / "c.csv"), images=str(tmp_path / "images"))


def test_columns_rows_images_and_parameters_are_printed(
    shop: InspectConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    """In lines that say what is missing, and what would keep it."""
    inspect(shop)
    printed = capsys.readouterr().out
    for line in (
        "c.csv: CSV in cp1251, separated by semicolon; 30 rows looked at",
        "Rows: 20 of 30 would be kept; rejected: 10 missing_description",
        "--clean.required title would keep them",
        "Images: by pattern {nm}.jpg, 10 for 10 of 20 rows, such as ",
        "Parameters to start from",
    ):
        assert line in printed
    (note,) = (line for line in printed.splitlines() if line.startswith("note"))
    assert note.rstrip().endswith("Д" * 39 + "…")
    (nm,) = (line for line in printed.splitlines() if line.startswith("nm "))
    assert nm.split()[:5] == ["nm", "string", "100%", "30", "id"]


def test_parameters_are_written(
    shop: InspectConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To the file that was named; the next command is said."""
    inspect(shop.model_copy(update={"yaml": str(tmp_path / "shop.yaml")}))
    assert "catalog: " in (tmp_path / "shop.yaml").read_text()
    assert f"vitrina run --config {tmp_path / 'shop.yaml'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("images", "said"),
    [("", "Images: no column names them. Give their folder"), (".", "such as 1000.jpg")],
)
def test_what_is_missing_of_the_images_is_said(
    shop: InspectConfig, tmp_path: Path, images: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No folder, or one with others."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "1000.jpg").write_bytes(b"x")
    folder = str(tmp_path / "other") if images else ""
    inspect(shop.model_copy(update={"images": folder}))
    assert said in capsys.readouterr().out


def test_wrong_paths_are_refused_before_anything_is_read(
    shop: InspectConfig, tmp_path: Path
) -> None:
    """A folder that is not there, and a file that cannot be written."""
    with pytest.raises(UserError, match="absent does not exist"):
        check(shop.model_copy(update={"images": str(tmp_path / "absent")}))
    with pytest.raises(UserError, match="cannot be written"):
        check(shop.model_copy(update={"yaml": "/proc/none/shop.yaml"}))
    check(shop.model_copy(update={"yaml": str(tmp_path / "shop.yaml")}))
