"""Image patterns: the paths that they give, and those that are refused at once."""

import pytest
from pydantic import ValidationError

from vitrina.config.image_pattern import ImagePattern
from vitrina.config.images import ResizeConfig

ROW = {"nm": 108_775_015, "text": "00123", "brend": "Nike", "Артикул товара": "00123"}


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("{nm}.jpg", "108775015.jpg"),
        ("{nm:010d}.jpg", "0108775015.jpg"),
        ("{text:010}.jpg", "0000000123.jpg"),  # as a number: texts are filled on the right
        ("{nm[:3]}/{nm}.jpg", "108/108775015.jpg"),
        (
            "vol{nm//100000}/part{nm//1000}/{nm}/images/big/1.webp",
            "vol1087/part108775/108775015/images/big/1.webp",
        ),
        ("{brend}/{text}.png", "Nike/00123.png"),
        ("{Артикул товара}/{`Артикул товара`[:2]}.jpg", "00123/00.jpg"),
        ("././a//{ nm }{{x}}.jpg", "a/108775015{x}.jpg"),
        ("{nm:x}{text:_>8}", "67bc667___00123"),
        ("{nm*2}.jpg", "217550030.jpg"),
    ],
)
def test_a_pattern_is_filled_from_a_rows_columns(pattern: str, path: str) -> None:
    """As a formatted text of Python's is."""
    assert ImagePattern.parse(pattern).fill(ROW) == [path]


def test_a_path_is_split_at_wildcards() -> None:
    """A star in a value is none."""
    pattern = ImagePattern.parse("{brend}/{nm}_**.jpg")
    assert pattern.has_wildcard
    assert pattern.fill({"nm": 7, "brend": "A*B"}) == ["A*B/7_", ".jpg"]
    assert ImagePattern.parse("{nm}.*").fill({"nm": 7}) == ["7.", ""]
    assert not ImagePattern.parse("{nm*2}").has_wildcard


@pytest.mark.parametrize(
    ("pattern", "folder", "rest"),
    [
        ("{nm}.jpg", "", "7.jpg"),
        ("./new//big/x{nm}.jpg", "new/big/", "x7.jpg"),
        ("{nm}/new/1.jpg", "", "7/new/1.jpg"),
    ],
)
def test_the_folder_that_all_paths_share_is_told(pattern: str, folder: str, rest: str) -> None:
    """Only that one is listed."""
    shared, below = ImagePattern.parse(pattern).relative()
    assert (shared, below.fill({"nm": 7})) == (folder, [rest])


@pytest.mark.parametrize(
    ("pattern", "around"),
    [
        ("{nm}.jpg", ("", ".jpg")),
        ("new/{nm}", ("new/", "")),
        ("a{nm}b", ("a", "b")),
        ("{nm:d}.jpg", None),
        ("{nm}{nm}.jpg", None),
        ("{nm}*.jpg", None),
        ("{brend}.jpg", None),
    ],
)
def test_most_patterns_have_the_id_alone(pattern: str, around: tuple[str, str] | None) -> None:
    """They are filled without a look at the columns."""
    assert ImagePattern.parse(pattern).around_id == around


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("{__import__('os').system('x')}.jpg", "__import__.* is not allowed"),
        ("{nm:0999999999d}.jpg", "no format such as :010d"),
        ("{'a'*10**9}{nm}.jpg", "is not allowed"),
        ("{nm:{nm}}.jpg", "no format"),
        ("{nm!r}.jpg", "!r is not allowed"),
        ("photo.jpg", "names no column"),
        ("{nm.jpg", "expected '}'"),
        ("{nm.jpg}", "nm.jpg is not allowed"),
        ("../{nm}.jpg", "leaves the folder"),
        ("{nm}/../../x.jpg", "leaves the folder"),
        ("/etc/{nm}.jpg", "leaves the folder"),
        ("{nm}::x.jpg", "leaves the folder"),
        ("*/{nm}.jpg", "in the name of the file only"),
        ("*_{nm}.jpg", "before the first"),
        ("{nm}" + "x" * 1_000, "at most 1000 characters"),
    ],
)
def test_a_wrong_pattern_is_a_wrong_parameter(pattern: str, told: str) -> None:
    """It is refused when the parameters are read, by its name."""
    with pytest.raises(ValidationError, match=f"image_pattern\n.*{told}"):
        ResizeConfig(image_pattern=pattern)


def test_a_pattern_and_a_column_exclude_each_other() -> None:
    """One of them would be ignored."""
    with pytest.raises(ValidationError, match="either image_pattern or image_column"):
        ResizeConfig(image_pattern="{nm}.png", image_column="photo")
