"""Patterns of images, from real paths."""

from collections.abc import Callable

import pytest

from vitrina.config.image_pattern import ImagePattern
from vitrina.inspection.patterns import Row, suggested_patterns

IDS = [123_456_700 + 7_919 * number for number in range(60)]
ROWS: list[Row] = [
    {"nm": str(nm), "brend": ("Дом", "Сад {1}")[place % 2], "article": f"A-{place}", "size": "5"}
    for place, nm in enumerate(IDS)
]
Path = Callable[[Row, int], str]


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        (lambda row, _: f"{row['nm']}.jpg", "{nm}.jpg"),
        (lambda row, place: f"{row['nm']}.{('jpg', 'PNG')[place % 2]}", "{nm}.*"),
        (lambda row, place: f"{row['nm']}_{place % 3}.jpg", "{nm}_*.jpg"),
        (lambda row, place: f"{row['nm']}-main-{place}.webp", "{nm}-*.webp"),
        (lambda row, _: f"{row['nm'][:3]}/{row['nm']}.jpg", "{nm[:3]}/{nm}.jpg"),
        (lambda row, _: f"photos/big/0{row['nm']}.jpg", "photos/big/{nm:010d}.jpg"),
        (lambda row, place: f"{row['nm']}/{place % 4}.jpg", "{nm}/*.jpg"),
        (lambda row, _: f"{row['nm']}/main.jpg", "{nm}/main.jpg"),
        (
            lambda row, _: (
                f"vol{int(row['nm']) // 100000}/part{int(row['nm']) // 1000}/{row['nm']}/big/1.webp"
            ),
            "vol{nm//100000}/part{nm//1000}/{nm}/big/1.webp",
        ),
        (lambda row, _: f"{row['brend']}/{row['article'].lower()}.png", "{brend}/{article}.png"),
        (lambda row, _: f"{{x}}/{row['nm']}.jpg", "{{x}}/{nm}.jpg"),
    ],
)
def test_a_pattern_is_found_in_paths(path: Path, pattern: str) -> None:
    """Whatever stands in the folder besides; it is one that resize takes."""
    paths = [path(row, place) for place, row in enumerate(ROWS)]
    found = suggested_patterns(["Thumbs.db", "logo.png", *paths, "old/readme.txt"], ROWS)
    assert found[0] == pattern
    assert ImagePattern.parse(pattern).source == pattern


def test_the_pattern_of_most_images_comes_first() -> None:
    """Other ones follow."""
    paths = [f"{row['nm']}.jpg" for row in ROWS] + [f"old/{row['article']}.png" for row in ROWS[:9]]
    assert suggested_patterns(paths, ROWS) == ["{nm}.jpg", "old/{article}.png"]


def test_ids_in_a_row_do_not_hide_that_folders_are_made_of_them() -> None:
    """The first thousand ids may all be in one folder."""
    rows = [{"nm": str(nm)} for nm in range(1_234_000, 1_234_050)]
    paths = [f"images/vol12/123/{row['nm']}.jpg" for row in rows]
    assert suggested_patterns(paths, rows) == ["images/vol{nm//100000}/{nm[:3]}/{nm}.jpg"]


def test_a_value_that_several_rows_have_finds_no_image() -> None:
    """It would give them the same one."""
    assert suggested_patterns([f"{number}.jpg" for number in range(9)], ROWS) == []
    assert suggested_patterns([], ROWS) == []
    assert suggested_patterns(["a.jpg"], []) == []
