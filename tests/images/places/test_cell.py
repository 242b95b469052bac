"""The images that one value of a column names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrina.images.places.cell import listed_sources, sources_of


@pytest.mark.parametrize(
    ("value", "sources"),
    [
        ("1.jpg", ["1.jpg"]),
        ("108775015", ["108775015"]),
        ("Фото 1.jpg", ["Фото 1.jpg"]),  # a space or a separator within a name
        ("a;b.jpg", ["a;b.jpg"]),
        ("a, b.jpg", ["a, b.jpg"]),
        ("1.jpg|2.jpg", ["1.jpg", "2.jpg"]),
        ("1.jpg; 2.PNG;", ["1.jpg", "2.PNG"]),
        ("1.jpg, 2.jpg", ["1.jpg", "2.jpg"]),
        ("1.jpg 2.jpg\n3.jpg", ["1.jpg", "2.jpg", "3.jpg"]),
        ("фото 1.jpg\nфото 2.jpg", ["фото 1.jpg", "фото 2.jpg"]),
        ('["a.jpg", "b c.jpg", null]', ["a.jpg", "b c.jpg"]),
        ("['a.jpg', 'b.jpg']", ["a.jpg", "b.jpg"]),
        ("['a.jpg' 'b.jpg'\n 'c.jpg']", ["a.jpg", "b.jpg", "c.jpg"]),  # as NumPy prints it
        ("[]", []),
        ("[x].jpg", ["[x].jpg"]),
        ("https://a/1.jpg", ["https://a/1.jpg"]),
        ("https://a/1|https://a/2", ["https://a/1", "https://a/2"]),
        ("http://a/1;http://a/2 ,  HTTP://a/3|", ["http://a/1", "http://a/2", "http://a/3"]),
        ("https://a/w_1,h_2/1.jpg?a=1;b=2", ["https://a/w_1,h_2/1.jpg?a=1;b=2"]),
        ("https://a/w_1,h_2/1.jpg,https://b/2.jpg", ["https://a/w_1,h_2/1.jpg", "https://b/2.jpg"]),
        ("https://a/фото 1.jpg https://a/2.jpg", ["https://a/фото 1.jpg", "https://a/2.jpg"]),
        ("https://a/resize?u=http://b/1.jpg", ["https://a/resize?u=http://b/1.jpg"]),
        ("//cdn/1.jpg //cdn/2.jpg", ["https://cdn/1.jpg", "https://cdn/2.jpg"]),
        ("a.jpg|https://x/1", ["a.jpg", "https://x/1"]),
        ("images\\1.jpg", ["images/1.jpg"]),
        ("./a.jpg", ["a.jpg"]),
        ("file:///a/b.jpg", ["/a/b.jpg"]),
        ("s3://b/c.jpg", ["s3://b/c.jpg"]),
        ("\ufeff 1.jpg\u200b ", ["1.jpg"]),
        ("1.jpg|1.jpg", ["1.jpg"]),
        ("nan", []),
        ("None", []),
        ("  ", []),
    ],
)
def test_a_text_names_one_image_or_several(value: str, sources: list[str]) -> None:
    """As shops export them; what may be part of a name does not split it."""
    assert sources_of(value) == sources


def test_a_list_names_each_image_once() -> None:
    """Without those that are missing."""
    assert listed_sources(["a.jpg", None, "", "b|c.jpg", "a.jpg", "null"]) == ["a.jpg", "b|c.jpg"]


@given(st.text(max_size=60) | st.text("[]'\"\\,;| :/httpsx.jpg\n", max_size=60))
def test_no_text_ends_a_run(value: str) -> None:
    """Whatever it is, its sources are texts that differ."""
    sources = sources_of(value)
    assert len(set(sources)) == len(sources)
    assert all(sources)
