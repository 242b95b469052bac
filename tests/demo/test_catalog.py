"""The demo catalogue: its Russian, its images, its planted flaws, and its place in the store."""

import io
import re
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageOps
from prefect.logging import disable_run_logger
from prefect.states import State
from upath import UPath

from tasks.draw_demo import draw_demo
from vitrina.catalog.cleaning import clean_catalog
from vitrina.catalog.normalize import normalize_text
from vitrina.config import CleanConfig, ResizeConfig
from vitrina.demo import catalog
from vitrina.demo.assortment import COLOURS, KINDS, PATTERNS, PLAIN, Gender
from vitrina.demo.catalog import DemoFacts, draw_catalog
from vitrina.demo.drawing import draw_image
from vitrina.demo.flaws import FLAWS, image_file
from vitrina.demo.words import GENDERS, agree, as_pasted, draw_listing
from vitrina.errors import UserError
from vitrina.images.resize_catalog import resize_catalog
from vitrina.images.resize_plan import ResizePlanner
from vitrina.results import DemoResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.files import listing, remove
from vitrina.store.paths import to_path

PRODUCTS = 320  # times a share of dirt of 0.05 is more than the kinds of flaws there are


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoFacts]:
    """A folder with a drawn catalogue, and what was drawn."""
    folder = tmp_path_factory.mktemp("shop")
    return folder, draw_catalog(folder, PRODUCTS, seed=1)


def table(folder: Path) -> pd.DataFrame:
    """The catalogue's rows."""
    return pd.read_parquet(folder / "catalog.parquet")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file's bytes by its name."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# --- Russian ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("masculine", "forms"),
    [
        ("красный", "красный красная красное красные"),
        ("синий", "синий синяя синее синие"),
        ("голубой", "голубой голубая голубое голубые"),
        ("шерстяной", "шерстяной шерстяная шерстяное шерстяные"),
        ("металлический", "металлический металлическая металлическое металлические"),
    ],
)
def test_adjectives_agree(masculine: str, forms: str) -> None:
    """Hard, soft and velar stems take their own endings in every gender."""
    assert [agree(masculine, gender) for gender in GENDERS] == forms.split()


def test_a_title_names_what_is_seen_and_agrees() -> None:
    """The kind, its colour in its gender and its pattern stand in each title, in no other form."""
    of_the_hue = {agree(c, g): c for c in COLOURS for g in GENDERS}
    for number in range(500):
        found = draw_listing(Random(number))
        goods, title = found.goods, found.title.lower()
        words = re.findall(r"\w+", title)
        assert goods.kind.noun in words
        gender: Gender = "masculine" if "цвет" in words else goods.kind.gender
        hues = [word for word in words if word in of_the_hue]
        assert hues == [agree(goods.colour, gender)], title
        plain = agree(PLAIN, goods.kind.gender)
        assert (plain if goods.pattern == PLAIN else goods.pattern) in title
        assert title.count(goods.brand.lower()) <= 1
        assert found.title[0].isupper()
        assert "  " not in title


def test_every_adjective_of_the_shop_has_an_ending_that_agree_knows() -> None:
    """A new colour or material whose form would come out wrong is noticed."""
    for kind in KINDS:
        for adjective in [kind.epithet, *(material for material, _ in kind.materials), *COLOURS]:
            assert re.fullmatch(r"|\w+(ый|ой|[гкхн]ий)", adjective), adjective


@pytest.mark.parametrize("way", range(30))
def test_cleaning_undoes_what_sellers_paste(way: int) -> None:
    """Titles and descriptions with mark-up and invisible characters come back as written."""
    found = draw_listing(Random(way))
    for text in (found.title, found.description):
        assert normalize_text(as_pasted(text, Random(way))) == text


# --- images --------------------------------------------------------------------------------


def at_64(kind: str, colour: str, pattern: str, seed: int) -> np.ndarray:
    """An image as the tiny model sees it, int16 (64, 64, 3)."""
    image = draw_image(kind, colour, pattern, Random(seed))
    return np.asarray(ImageOps.fit(image, (64, 64)), dtype=np.int16)


@pytest.mark.parametrize("colour", COLOURS)
def test_goods_have_the_colour_of_their_title(colour: str) -> None:
    """The middle of a plain pillow is closer to its colour than to any other."""
    for seed in range(5):
        middle = at_64("подушка", colour, PLAIN, seed)[26:38, 26:38].mean(axis=(0, 1))
        distances = {name: np.abs(middle - rgb).sum() for name, rgb in COLOURS.items()}
        assert min(distances, key=distances.__getitem__) == colour


@pytest.mark.parametrize("pattern", [pattern for pattern in PATTERNS if pattern != PLAIN])
def test_a_pattern_is_visible_at_64_pixels(pattern: str) -> None:
    """Within the goods brightness changes much more than on plain ones."""
    for colour in COLOURS:
        with_print, without = (
            at_64("подушка", colour, p, 3)[20:44, 20:44].mean(axis=2).std()
            for p in (pattern, PLAIN)
        )
        assert with_print > 3 * without, colour


@pytest.mark.parametrize("kind", [kind.noun for kind in KINDS])
def test_goods_fill_the_middle_of_every_image(kind: str) -> None:
    """Nothing is drawn off the image: red goods are there, and not up to its edges."""
    for seed in range(8):
        image = draw_image(kind, "красный", PLAIN, Random(seed))
        assert image.mode == "RGB"
        assert min(image.size) >= 60
        assert max(image.size) <= 900
        pixels = np.asarray(image, dtype=np.int16)
        red = pixels[..., 0] - pixels[..., 1] > 90
        assert 0.05 < red.mean() < 0.8
        assert red[1:-1, 1:-1].sum() == red.sum()


def test_spoilt_images_still_show_the_goods() -> None:
    """The kept oddities open as what they claim, and show the image once put right."""
    image = draw_image("мяч", "синий", "в клетку", Random(5))
    plain = np.asarray(image, dtype=np.int16)
    modes = {"rgba_png": "RGBA", "cmyk_jpeg": "CMYK", "grey_jpeg": "L", "turned_jpeg": "RGB"}
    for flaw, mode in modes.items():
        content = image_file(image, flaw, 90)
        assert content is not None
        with Image.open(io.BytesIO(content)) as opened:
            assert opened.mode == mode
            shown = ImageOps.exif_transpose(opened)
        assert shown.size == image.size
        middle = tuple(slice(side // 3, 2 * side // 3) for side in plain.shape[:2])
        expected = np.asarray(image.convert("L").convert("RGB")) if mode == "L" else plain
        difference = np.asarray(shown.convert("RGB"), np.int16)[middle] - expected[middle]
        assert np.abs(difference).mean() < 8, flaw


# --- the catalogue ---------------------------------------------------------------------------


def test_equal_seeds_draw_equal_bytes_and_other_seeds_do_not(tmp_path: Path) -> None:
    """The demo's figures can be compared between machines and runs."""
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        draw_catalog(tmp_path / name, 40, seed, dirt=0.3)
    one, same, other = (contents(tmp_path / name) for name in ("one", "same", "other"))
    assert one == same
    assert not one.keys() & other.keys() - {"catalog.parquet"}


def test_a_longer_catalogue_begins_like_a_shorter_one(tmp_path: Path) -> None:
    """A row depends on the seed and its number alone, so the catalogue can be drawn as a stream."""
    draw_catalog(tmp_path / "short", 15, dirt=0)
    draw_catalog(tmp_path / "long", 25, dirt=0)
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


def test_every_flaw_is_there(shop: tuple[Path, DemoFacts]) -> None:
    """At the default dirt a twentieth of the rows has a flaw, and each kind of flaw occurs."""
    _, facts = shop
    assert facts.flaws.keys() == FLAWS.keys()
    assert sum(facts.flaws.values()) == PRODUCTS * 0.05


def test_cleaning_and_resizing_reject_what_was_planted(
    shop: tuple[Path, DemoFacts], tmp_path: Path
) -> None:
    """The facts' reasons and counts are those that the stages find; every other row is kept."""
    folder, facts = shop
    cleaned, _ = clean_catalog(
        to_path(folder / "catalog.parquet"), Artifact(to_path(tmp_path / "c")), CleanConfig()
    )
    survey = ResizePlanner.make(
        to_path(folder / "images"),
        to_path(tmp_path / "images"),
        ResizeConfig(default_image_size=(32, 32)),
        refresh=False,
    )
    result, _ = resize_catalog(cleaned, survey, Artifact(to_path(tmp_path / "r")))
    assert result.reasons == facts.rejected
    assert (result.rows_in, result.rows_kept) == (facts.rows, facts.rows_kept)


def test_without_dirt_ids_are_unique_and_nothing_is_missing(tmp_path: Path) -> None:
    """The clean shop, for benchmarks that count every row."""
    facts = draw_catalog(tmp_path, 60, dirt=0)
    rows = table(tmp_path)
    assert facts == DemoFacts(rows=60, flaws={}, rejected={})
    assert rows["nm"].is_unique
    assert not rows["nm"].is_monotonic_increasing
    assert not rows.isna().any(axis=None)
    assert {p.stem for p in (tmp_path / "images").iterdir()} == set(rows["nm"].astype(str))


def test_some_products_share_a_title_and_not_a_image(shop: tuple[Path, DemoFacts]) -> None:
    """So that a title with several right images occurs; it stays the exception."""
    folder, _ = shop
    rows = table(folder).dropna(subset="title").drop_duplicates("nm")
    repeats = [count for count in Counter(rows["title"].map(normalize_text)).values() if count > 1]
    assert 0.02 < sum(repeats) / len(rows) < 0.25
    images = Counter(p.read_bytes() for p in (folder / "images").iterdir())
    assert [count for content, count in images.items() if len(content) > 100 and count > 1] == []


def test_a_number_out_of_range_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    """The message names the parameter, and no folder appears."""
    for wrong in ({"products": 0}, {"dirt": -0.1}, {"dirt": float("nan")}):
        with pytest.raises(UserError, match=next(iter(wrong))):
            draw_catalog(tmp_path / "shop", **wrong)
    assert not (tmp_path / "shop").exists()


# --- the store -------------------------------------------------------------------------------


def test_the_demo_is_drawn_once_into_a_folder_or_a_bucket(place: UPath) -> None:
    """The files are the same wherever they are; another run finds them; a lost one is redrawn."""
    store = Store(root=str(place))
    with disable_run_logger():
        result = draw_demo.fn(store, products=20)
        assert isinstance(result, DemoResult)
        found = draw_demo.fn(store, products=20)
        assert isinstance(found, State)
        assert found.data == result
        assert to_path(result.catalog).name == "catalog.parquet"
        images = dict(listing(to_path(result.images)))
        assert result.rows == 20
        assert 17 <= len(images) <= 20
        remove([to_path(result.images) / next(iter(images))])
        assert draw_demo.fn(store, products=20) == result
        assert dict(listing(to_path(result.images))).keys() == images.keys()
