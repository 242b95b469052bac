"""What a wildcard stands for, and the order of what it matches."""

import pytest

from vitrina.images.places.wildcard import matches, matches_nearly, natural_order


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        (
            "1_*.jpg",
            ["1_2.jpg", "1_.jpg", "1_a_b.jpg"],
            ["1.jpg", "11_2.jpg", "1_2.png", "1_2/3.jpg"],
        ),
        ("1*.jpg", ["1.jpg", "1-2.jpg", "1_2.jpg"], ["12.jpg", "1.png"]),
        ("1.*", ["1.jpg", "1.JPEG", "1.webp"], ["1.txt", "1.", "1.2.jpg", "1.jpg.bak", "12.jpg"]),
        ("1*", ["1.jpg", "1_2.png"], ["1", "1.txt", "12.jpg"]),
        ("1/*", ["1/a.jpg", "1/2.png"], ["1/a/b.jpg", "1/a.txt"]),
        ("a*b*c.jpg", ["abc.jpg", "a-b-c.jpg"], ["acb.jpg", "ac.jpg", "abxc.png"]),
        ("ab*ab.jpg", ["ab-ab.jpg", "abab.jpg"], ["ab.jpg"]),
    ],
)
def test_a_star_stands_for_anything_but_more_of_a_number(
    pattern: str, names: list[str], others: list[str]
) -> None:
    """And at the end for what images end with; a folder below is never meant."""
    texts = pattern.split("*")
    assert [name for name in [*names, *others] if matches(name, texts)] == names


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        ("A1_*.jpg", ["a1_2.JPG", "A1_2.png", "a1_.webp"], ["a1_2.txt", "a12.jpg", "a1_2"]),
        ("A1_*-big.jpg", ["a1_2-BIG.png"], ["a1_2.png", "a1_2-bigger.png"]),
        ("A1.*", ["a1.jpg"], ["a1.txt"]),
    ],
)
def test_other_endings_and_other_case_match_nearly(
    pattern: str, names: list[str], others: list[str]
) -> None:
    """The rest must still be the same."""
    texts = pattern.split("*")
    assert [name for name in [*names, *others] if matches_nearly(name, texts)] == names


def test_numbers_in_names_count_by_their_value() -> None:
    """And the name that is the shortest comes first, whatever ends it."""
    names = ["5.jpg", "5-1.jpg", "5_1.jpg", "5_2.png", "5_02.jpg", "5_10.jpg", "5_a.jpg"]
    shuffled = ["5_10.jpg", "5_a.jpg", "5_02.jpg", "5_2.png", "5_1.jpg", "5-1.jpg", "5.jpg"]
    by_order = sorted(shuffled, key=natural_order)
    assert by_order[0] == "5.jpg"
    assert by_order[2:] in (names[2:], [*names[2:3], "5_02.jpg", "5_2.png", *names[5:]])
