"""Planted flaws are found, and little else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.flawed_listings import (
    BLANK,
    BLURRED,
    PLACEHOLDERS,
    SMALL,
    SWAPPED,
    UNREADABLE,
    VARIANTS,
    WRONG_CATEGORY,
    FlawedListings,
)
from vitrina.config.health import HealthConfig
from vitrina.config.training import SplitConfig
from vitrina.errors import UserError
from vitrina.health import artifact as module
from vitrina.health.artifact import HealthRequest, write_health
from vitrina.health.samples import read_samples
from vitrina.results import HealthResult
from vitrina.store.artifacts import Artifact
from vitrina.store.paths import to_path

SPLIT = SplitConfig(validation_fraction=0.1, test_fraction=0.2, seed=0)
Found = tuple[HealthResult, pd.DataFrame]


@pytest.fixture(scope="module")
def found(listings: FlawedListings, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """The result, and the table of findings."""
    folder = tmp_path_factory.mktemp("health")
    request = HealthRequest(
        listings.table, listings.npz, SPLIT, HealthConfig(min_side=90, category_probability=0.9)
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "CHUNK", 7)
        result, files = write_health(request, Artifact(to_path(folder)))
    assert all((folder / name).is_file() for name in files)
    return result, pd.read_parquet(result.health)


def rows_of(found: Found, problem: str) -> set[int]:
    """The rows with a problem."""
    table = found[1]
    return set(table.loc[table["problem"] == problem, "nm"] - 1_000)


def test_swapped_titles_are_found(found: Found) -> None:
    """Nine of ten, and one listing in eighty besides; one with a similar image is beside it."""
    planted = {row for one in SWAPPED for row in (one, one + 1)}
    flagged = rows_of(found, "mismatch")
    # The image of a placeholder fits one of its titles only.
    right = flagged & planted
    assert len(right) >= 0.9 * len(planted)
    assert len(flagged - planted - set(PLACEHOLDERS)) <= 900 / 80
    mismatches = found[1].query("problem == 'mismatch'")
    assert mismatches["other_nm"].notna().all()
    assert (np.diff(mismatches["score"]) <= 0).all()
    assert mismatches["reason"].str.contains("deviations worse than usual").all()


def test_one_image_under_many_titles_is_a_placeholder(found: Found) -> None:
    """But not the same photo for variants whose titles are alike."""
    assert rows_of(found, "placeholder") == set(PLACEHOLDERS)
    assert not rows_of(found, "placeholder") & set(VARIANTS)
    assert set(found[1].query("problem == 'placeholder'")["reason"]) == {
        "one image under 12 different titles"
    }


def test_wrong_categories_are_contradicted(found: Found) -> None:
    """By models that have not seen the listing; the reason names both."""
    flagged = rows_of(found, "category")
    assert len(flagged & set(WRONG_CATEGORY)) >= 6
    swapped = {row for one in SWAPPED for row in (one, one + 1)}
    assert len(flagged - set(WRONG_CATEGORY) - swapped - set(PLACEHOLDERS)) <= 3
    reason = found[1].query("problem == 'category' and nm == 1501")["reason"]
    assert reason.str.fullmatch(r"in Вид 2, looks like Вид 9 \(0\.\d\d\)").all()


def test_small_blurred_and_blank_images_are_found(found: Found) -> None:
    """And no others; an image that cannot be read is none of them."""
    assert rows_of(found, "small_image") == set(SMALL)
    assert rows_of(found, "blurred_image") == {*BLURRED, BLANK}
    assert UNREADABLE not in rows_of(found, "small_image")
    blank = found[1].query(f"nm == {BLANK + 1_000} and problem == 'blurred_image'")
    assert blank["reason"].tolist() == ["one colour only"]


def test_counts_and_samples_are_those_of_the_table(found: Found) -> None:
    """Each listing counts once; the worst of each problem are shown."""
    result, table = found
    assert result.counts == {name: len(rows_of(found, name)) for name in result.counts}
    assert result.listings == table["nm"].nunique()
    assert result.rows == 900
    samples = read_samples(to_path(result.samples))
    for problem, count in result.counts.items():
        shown = [one for one in samples if one.problem == problem]
        assert len(shown) == min(4, count)
        assert shown[0].listing.nm == str(table.loc[table["problem"] == problem, "nm"].iloc[0])


def test_a_column_that_was_set_must_be_there(listings: FlawedListings, tmp_path: Path) -> None:
    """The default one need not, and a column of one class says nothing."""
    config = HealthConfig(category_column="kategory")
    request = HealthRequest(listings.table, listings.npz, SPLIT, config)
    with pytest.raises(UserError, match="Did you mean 'category'"):
        write_health(request, Artifact(to_path(tmp_path / "a")))
    table = pd.read_parquet(listings.table.path)
    for name, frame in (
        ("none", table.drop(columns="category")),
        ("one", table.assign(category="Дом")),
    ):
        frame.to_parquet(tmp_path / f"{name}.parquet")
        request = HealthRequest(
            to_path(tmp_path / f"{name}.parquet"), listings.npz, SPLIT, HealthConfig()
        )
        result, _ = write_health(request, Artifact(to_path(tmp_path / name)))
        assert "category" not in result.counts
        assert result.counts["mismatch"] >= 50
