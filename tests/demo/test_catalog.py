"""The demo catalogue as a whole: reproducible, flawed as announced, drawn as a stream."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from vitrina.catalog.cleaning import clean_catalog
from vitrina.catalog.normalize import normalize_text
from vitrina.catalog.parquet_batches import read_schema
from vitrina.config.catalog import CleanConfig
from vitrina.config.images import ResizeConfig
from vitrina.demo import catalog
from vitrina.demo.catalog import DemoFacts, draw_catalog
from vitrina.demo.flaws import FLAWS
from vitrina.errors import UserError
from vitrina.images.image_folders import ImageFolders
from vitrina.images.resize_catalog import resize_catalog
from vitrina.images.resize_plan import ResizePlanner
from vitrina.results import ResizeResult
from vitrina.store.artifacts import Artifact
from vitrina.store.fingerprint import fingerprint
from vitrina.store.paths import to_path

PRODUCTS = 340  # a share of 0.05 of them is as many as there are flaws


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoFacts]:
    """A folder with a drawn catalogue, and what was drawn."""
    folder = tmp_path_factory.mktemp("shop")
    return folder, draw_catalog(folder, PRODUCTS, seed=1)


def table(folder: Path) -> pd.DataFrame:
    """The catalogue's rows."""
    return pd.read_parquet(folder / "catalog.parquet")


def cleaned_and_resized(shop: Path, target: Path, **options: str) -> ResizeResult:
    """What the first two stages make of a drawn shop."""
    cleaned, _ = clean_catalog(
        to_path(shop / "catalog.parquet"), Artifact(to_path(target / "c")), CleanConfig()
    )
    folders = ImageFolders(originals=str(shop / "images"), resized=str(target / "images"))
    config = ResizeConfig.model_validate({"default_image_size": (32, 32), **options})
    planner = ResizePlanner.make(folders, config, read_schema(to_path(cleaned.table)))
    return resize_catalog(cleaned, planner, Artifact(to_path(target / "r")))[0]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file's bytes by its name."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_equal_seeds_draw_equal_bytes_and_other_seeds_do_not(tmp_path: Path) -> None:
    """The demo's metrics can be compared between machines and runs."""
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        draw_catalog(tmp_path / name, 40, seed, flaw_share=0.3)
    one, same, other = (contents(tmp_path / name) for name in ("one", "same", "other"))
    assert one == same
    assert not one.keys() & other.keys() - {"catalog.parquet", "queries.parquet"}


def test_a_longer_catalogue_begins_like_a_shorter_one(tmp_path: Path) -> None:
    """A row depends on the seed and its number alone, so the catalogue can be drawn as a stream."""
    draw_catalog(tmp_path / "short", 15, flaw_share=0)
    draw_catalog(tmp_path / "long", 25, flaw_share=0)
    short, long = contents(tmp_path / "short"), contents(tmp_path / "long")
    assert table(tmp_path / "long")[:15].equals(table(tmp_path / "short"))
    assert all(long[name] == short[name] for name in short if name.endswith(".jpg"))


def test_rows_are_written_as_they_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory holds one batch: the table has a row group for each."""
    monkeypatch.setattr(catalog, "BATCH", 10)
    draw_catalog(tmp_path, 25)
    parquet = pq.ParquetFile(tmp_path / "catalog.parquet").metadata
    assert [parquet.row_group(i).num_rows for i in range(parquet.num_row_groups)] == [10, 10, 5]


def test_the_default_catalogue_stays_the_same() -> None:
    """The documented metrics rest on these rows: their flaws, ids and texts must not change."""
    shop = catalog.Shop(0, catalog.plan_flaws(400, 0.05, 0))
    rows = [shop.record(row) for row in range(400) if not FLAWS.get(shop.flaws.get(row, ""))]
    assert fingerprint(rows) == "1f90a4ddb2837d88ea15"


def test_every_flaw_is_there(shop: tuple[Path, DemoFacts]) -> None:
    """By default a twentieth of the rows has a flaw, and each flaw occurs."""
    _, facts = shop
    assert facts.flaws.keys() == FLAWS.keys()
    assert sum(facts.flaws.values()) == PRODUCTS * 0.05


def test_cleaning_and_resizing_reject_what_was_planted(
    shop: tuple[Path, DemoFacts], tmp_path: Path
) -> None:
    """The stages find the announced reasons and counts, and keep every other row."""
    folder, facts = shop
    result = cleaned_and_resized(folder, tmp_path)
    assert result.reasons == facts.rejected
    assert (result.rows_in, result.rows_kept) == (facts.rows, facts.rows_kept)
    rejected = pd.read_csv(result.rejected, dtype=str, keep_default_na=False)
    assert rejected["reason"].value_counts().to_dict() == facts.rejected
    assert rejected.loc[rejected["nm"] == "", "reason"].tolist() == ["missing_id"]


def test_a_third_of_the_rows_has_a_second_image(
    shop: tuple[Path, DemoFacts], tmp_path: Path
) -> None:
    """Of the same goods in another scene; the first images are those that they are alone."""
    folder, facts = shop
    result = cleaned_and_resized(folder, tmp_path, image_pattern="{nm}*.jpg")
    assert result.reasons == facts.rejected
    kept = pd.read_parquet(tmp_path / "r" / "processed_data.parquet")
    counts = kept["image_paths"].map(len).value_counts().to_dict()
    assert counts.keys() == {1, 2}
    assert 0.28 < counts[2] / len(kept) < 0.38
    assert all(
        one != other for one, other in kept["image_hashes"][kept["image_paths"].map(len) == 2]
    )


def test_without_flaws_ids_are_unique_and_nothing_is_missing(tmp_path: Path) -> None:
    """The flawless shop, for benchmarks that count every row."""
    facts = draw_catalog(tmp_path, 60, flaw_share=0)
    rows = table(tmp_path)
    assert facts == DemoFacts(rows=60, flaws={}, rejected={})
    assert rows["nm"].is_unique
    assert not rows["nm"].is_monotonic_increasing
    assert not rows.isna().any(axis=None)
    names = {path.name for path in (tmp_path / "images").iterdir()}
    first = {f"{nm}.jpg" for nm in rows["nm"]}
    assert names - first == {f"{nm}_2.jpg" for nm in rows["nm"][::3]}


def test_some_products_share_a_title_but_no_image(shop: tuple[Path, DemoFacts]) -> None:
    """Titles with several relevant images occur, and stay the exception."""
    folder, _ = shop
    rows = table(folder).dropna(subset="title").drop_duplicates("nm")
    repeats = [count for count in Counter(rows["title"].map(normalize_text)).values() if count > 1]
    assert 0.02 < sum(repeats) / len(rows) < 0.25
    images = Counter(p.read_bytes() for p in (folder / "images").iterdir())
    assert [count for content, count in images.items() if len(content) > 100 and count > 1] == []


def test_a_number_out_of_range_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    """The message names the argument, and no folder is made."""
    for wrong in ({"products": 0}, {"flaw_share": -0.1}, {"flaw_share": float("nan")}):
        with pytest.raises(UserError, match=next(iter(wrong))):
            draw_catalog(tmp_path / "shop", **wrong)
    assert not (tmp_path / "shop").exists()
