"""The page of duplicates."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.support.html_page import parsed
from vitrina.duplicates.files import Members
from vitrina.duplicates.gallery import SHOWN, gallery, least_sure_groups
from vitrina.duplicates.known import Kind

HOSTILE = "</figcaption><script>alert(1)</script> $title {0} \" onerror='x'"


def members(sizes: list[int]) -> Members:
    """Groups of these sizes; the members of a later group are less near."""
    counts = np.array(sizes, np.int64)
    group = np.repeat(np.arange(len(sizes)), counts)
    row = np.arange(sum(sizes))
    starts = np.cumsum(counts) - counts
    cosine = np.where(np.isin(row, starts), 1, 0.9 - 0.1 * group).astype(np.float32)
    kind = np.full(len(row), Kind.TITLE, np.int8)
    return Members(group, row, np.repeat(starts, counts), kind, cosine)


def listings(folder: Path, count: int) -> pd.DataFrame:
    """Listings with hostile titles and ids; the last one's image is missing."""
    rows = []
    for row in range(count):
        path = folder / f"{row}.jpg"
        if row < count - 1:
            Image.new("RGB", (30, 40), (row, 0, 0)).save(path)
        rows.append({"nm": f"<b>{row}", "title": f"{HOSTILE} {row}", "image_path": str(path)})
    return pd.DataFrame(rows)


def test_the_least_sure_groups_come_first() -> None:
    """As many as are wanted."""
    found = least_sure_groups(members([2, 3, 2]), 2)
    assert [group.tolist() for group in found] == [[5, 6], [2, 3, 4]]
    assert least_sure_groups(members([]), 2) == []


def test_titles_are_text_and_nothing_is_loaded(tmp_path: Path) -> None:
    """Whatever they hold; a missing image is said."""
    given = members([2, SHOWN + 3])
    groups = least_sure_groups(given, 10)
    rows = listings(tmp_path, SHOWN + 5)
    html = gallery(given, groups, rows, [("pairs", "<i>5</i>")])
    page = parsed(html)
    assert "script" not in page.tags
    assert page.tags["img"] == SHOWN + 2
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert f"{HOSTILE} 0" in page.text
    assert "<b>0 · represents the group" in page.text
    assert "same title, 0.900" in page.text
    assert "<i>5</i>" in page.text
    assert "and 3 more" in page.text


def test_an_unreadable_image_leaves_a_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And a warning with their number."""
    given = members([2])
    html = gallery(given, least_sure_groups(given, 1), listings(tmp_path, 2), [])
    assert "no image" in parsed(html).text
    assert "1 of 2 images cannot be read" in caplog.text


def test_no_duplicates_are_a_page_too() -> None:
    """Which says so."""
    html = gallery(members([]), [], pd.DataFrame(columns=["nm", "title", "image_path"]), [])
    assert "0 of 0 groups" in parsed(html).text
