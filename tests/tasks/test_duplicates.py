"""The stage "duplicates" on a run that a tiny ruCLIP embedded."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from upath import UPath

from tasks.duplicates import duplicates
from tests.support.html_page import parsed
from tests.support.searched_run import SearchedRun, embedded_run
from tests.support.shop import draw_shop
from vitrina.config.duplicates import DuplicatesConfig
from vitrina.config.run_options import RefreshOption
from vitrina.config.training import TrainConfig
from vitrina.results import DuplicatesResult
from vitrina.search.stored_run import find_run
from vitrina.store.artifacts import Store
from vitrina.store.files import read_bytes
from vitrina.store.paths import to_path
from vitrina.store.stage import StageOutcome

HOSTILE = "Кружка <script>alert(1)</script> & «ёж»"


def stage(
    shop: SearchedRun, config: DuplicatesConfig | None = None, *, refresh: bool = False
) -> StageOutcome[DuplicatesResult]:
    """The stage on the store's latest run."""
    run = find_run(shop.store.root)
    config = config or DuplicatesConfig(cosine=0.9)
    options = RefreshOption(refresh=refresh)
    return duplicates.fn(run.result, shop.store, config, TrainConfig().split(), options)


def pairs_of(result: DuplicatesResult) -> pd.DataFrame:
    """The pairs of a result."""
    with to_path(result.pairs).open("rb") as file:
        return pq.read_table(file).to_pandas()


def test_listings_with_one_title_are_found(place: UPath, tmp_path: Path) -> None:
    """On disk and on S3, with ids that are texts, and titles that are no HTML."""
    rows = draw_shop(tmp_path / "images", 40)
    rows["nm"] = [f"{nm:03}" for nm in rows["nm"]]
    rows["title"] = [
        HOSTILE if nm in ("000", "007") else title
        for nm, title in zip(rows["nm"], rows["title"], strict=True)
    ]
    shop = embedded_run(place, tmp_path, rows)
    result = stage(shop).result
    pairs = pairs_of(result)
    same = pairs[pairs["kind"] == "title"]
    assert {("008", "009"), ("000", "007")} <= {*zip(same["nm_a"], same["nm_b"], strict=True)}
    assert (same["cosine_text"] > 0.999).all()
    page = parsed(read_bytes(to_path(result.gallery)).decode())
    assert HOSTILE in page.text
    assert "script" not in page.tags
    assert page.tags["img"] > 2
    assert dict.fromkeys(result.pairs_by_kind) == dict.fromkeys(
        ["copy", "title", "image", "similar"]
    )


def test_a_second_run_finds_the_first_ones_result(tmp_path: Path) -> None:
    """Unless a parameter, the vectors or the code are others, or it is to be refreshed."""
    shop = embedded_run(to_path(tmp_path / "out"), tmp_path)
    first = stage(shop)
    assert not first.found_in
    assert stage(shop) == StageOutcome(first.result, str(to_path(first.result.pairs).parent))
    assert not stage(shop, refresh=True).found_in
    assert not stage(shop, DuplicatesConfig(cosine=0.95)).found_in
    embedded_run(to_path(tmp_path / "out"), tmp_path / "b", shop.rows.iloc[:30])
    assert not stage(shop).found_in


def test_a_killed_stage_leaves_nothing_that_is_taken_for_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends in the middle of its last file; the next run makes all of them."""
    shop = embedded_run(to_path(tmp_path / "out"), tmp_path)

    def end(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("vitrina.duplicates.artifact.gallery", end)
        with pytest.raises(KeyboardInterrupt):
            stage(shop)
    assert Store(root=shop.store.root).latest_key("duplicates") is None
    assert not stage(shop).found_in


def test_a_moved_store_shows_its_images(tmp_path: Path) -> None:
    """Paths in the table name the old folder."""
    rows = draw_shop(tmp_path / "old" / "images" / "resized", 40)
    embedded_run(to_path(tmp_path / "old"), tmp_path / "scratch", rows)
    (tmp_path / "old").rename(tmp_path / "new")
    store = Store(root=str(tmp_path / "new"))
    run = find_run(store.root)
    result = duplicates.fn(
        run.result, store, DuplicatesConfig(), TrainConfig().split(), RefreshOption()
    ).result
    page = parsed(read_bytes(to_path(result.gallery)).decode())
    assert page.tags["img"] >= 4
    assert "no image" not in page.text


def test_a_tiny_catalogue_has_duplicates_too(tmp_path: Path) -> None:
    """Two listings, or none alike: no error, and it is said that nothing can be told."""
    rows = draw_shop(tmp_path / "images", 12).iloc[[8, 9]]
    result = stage(embedded_run(to_path(tmp_path / "out"), tmp_path, rows)).result
    assert result.groups_found == 1
    assert result.similar.known_products == 1
    one = stage(embedded_run(to_path(tmp_path / "out"), tmp_path / "b", rows.iloc[:1])).result
    assert one.groups_found == 0
