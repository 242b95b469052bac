"""Other names that an image's file may have."""

import pytest

from vitrina.images.spellings import differs_in_stem, image_ending, other_spellings


@pytest.mark.parametrize(
    ("name", "ending"),
    [("1.jpg", ".jpg"), ("a.b.WebP", ".WebP"), ("1", ""), (".jpg", ""), ("1.txt", ""), ("1.0", "")],
)
def test_the_ending_of_an_image(name: str, ending: str) -> None:
    """One that images have, in any case."""
    assert image_ending(name) == ending


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("1.jpg", "1.JPG"),
        ("1.jpg", "1.jpeg"),
        ("1.JPG", "1.jpg"),
        ("1.webp", "1.Png"),
        ("1", "1.jpg"),
        ("1.5", "1.5.png"),  # what looks like an ending is none
        ("аБ-1.jpg", "АБ-1.JPG"),
        ("АБ-1.jpg", "аб-1.png"),
        ("nike-air.jpg", "Nike-Air.jpg"),
        ("Shop/a/x.jpg", "Shop/a/X.png"),
    ],
)
def test_a_name_may_have_another_ending_or_other_case(name: str, other: str) -> None:
    """The name itself is not among the others, and folders stay as they are."""
    others = other_spellings(name)
    assert other in others
    assert name not in others
    assert all(one.rpartition("/")[0] == name.rpartition("/")[0] for one in others)


def test_the_nearest_come_first() -> None:
    """The same stem before others, usual endings before rare ones."""
    others = list(other_spellings("a.jpg"))
    assert others.index("a.png") < others.index("a.tiff") < others.index("A.jpg")
    assert not differs_in_stem("a.jpg", "a.PNG")
    assert differs_in_stem("a.jpg", "A.jpg")
