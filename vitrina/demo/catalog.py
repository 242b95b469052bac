"""The demo shop's catalogue: a table of listings and their images, drawn from a seed."""

import itertools
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from vitrina.catalog.processed_table import CATEGORY, DESCRIPTION, NM, TITLE
from vitrina.demo.drawing import SMALL_SIDES, draw_image
from vitrina.demo.flaws import FLAWS, flawed_text, image_file, plan_flaws
from vitrina.demo.queries import QUERIES, Offers, draw_queries
from vitrina.demo.queries import SCHEMA as QUERIES_SCHEMA
from vitrina.demo.words import Listing, as_pasted, draw_listing
from vitrina.errors import UserError

BATCH = 1_000  # rows held in memory, and in one row group
THREADS = 2  # Pillow releases the GIL while it draws; a third thread would only wait for it
MAX_PRODUCTS = 2**26  # beyond it, ids repeat
SECOND_IMAGES = 3  # one row in so many has a second image, of its goods in another scene
RESOLD = 0.06  # share of rows that offer an earlier row's goods again, with another photo
PASTED_TITLES, PASTED_DESCRIPTIONS = 0.05, 0.15  # shares of texts with HTML and the like

SCHEMA = pa.schema(
    {
        NM: pa.int64(),
        TITLE: pa.string(),
        DESCRIPTION: pa.string(),
        "brend": pa.string(),
        CATEGORY: pa.string(),
        "sub_category": pa.string(),
        "price": pa.int64(),
        "kind": pa.string(),
        "colour": pa.string(),
        "pattern": pa.string(),
    }
)


@dataclass(frozen=True)
class DemoFacts:
    """What was drawn, and what cleaning and resizing must reject of it."""

    rows: int
    flaws: dict[str, int]  # rows by flaw
    rejected: dict[str, int]  # rows by reason of rejection

    @property
    def rows_kept(self) -> int:
        """Rows that cleaning and resizing keep."""
        return self.rows - sum(self.rejected.values())


@dataclass(frozen=True)
class Shop:
    """The rows of a catalogue; each depends only on the seed, its number and the flaws."""

    seed: int
    flaws: dict[int, str]

    def original(self, row: int) -> int:
        """The row itself; for one that repeats an id, the closest row before it without a flaw."""
        if self.flaws.get(row) == "repeated_id":
            return next(earlier for earlier in range(row - 1, -1, -1) if earlier not in self.flaws)
        return row

    def nm(self, row: int) -> int:
        """The id: eight digits, in no order, unique."""
        start = Random(f"{self.seed}/nm").getrandbits(26)
        return 10_000_000 + (start + self.original(row) * 40_503_177) % MAX_PRODUCTS

    def listing(self, row: int) -> Listing:
        """What the row offers; sometimes the same as one of the 50 rows before it."""
        rng = Random(f"{self.seed}/{self.original(row)}/offer")
        source = self.original(row)
        if rng.random() < RESOLD:
            source = max(source - rng.randint(1, 50), 0)
        return draw_listing(Random(f"{self.seed}/{source}/listing"))

    def offers(self, products: int) -> tuple[list[int], Offers]:
        """The rows that have an id of their own, and what they offer."""
        without_id = ("repeated_id", "null_id")
        rows = [row for row in range(products) if self.flaws.get(row) not in without_id]
        offers = Offers()
        for row in rows:
            offers.add(self.nm(row), self.listing(row).goods)
        return rows, offers

    def record(self, row: int) -> dict[str, object]:
        """The row of the table."""
        listing, flaw = self.listing(row), self.flaws.get(row)
        rng = Random(f"{self.seed}/{row}/record")
        goods, title, description = listing.goods, listing.title, listing.description
        if rng.random() < PASTED_TITLES:
            title = as_pasted(title, rng)
        if rng.random() < PASTED_DESCRIPTIONS:
            description = as_pasted(description, rng)
        return {
            NM: None if flaw == "null_id" else self.nm(row),
            TITLE: flawed_text(title, TITLE, flaw),
            DESCRIPTION: flawed_text(description, DESCRIPTION, flaw),
            "brend": goods.brand,
            CATEGORY: goods.kind.category,
            "sub_category": goods.kind.sub_category,
            "price": rng.randrange(goods.kind.price[0], goods.kind.price[1] + 1, 100),
            "kind": goods.kind.noun,
            "colour": goods.colour,
            "pattern": goods.pattern,
        }

    def save_image(self, row: int, folder: Path) -> None:
        """Write the row's image file into the folder; nothing for a row that repeats an id."""
        flaw, goods = self.flaws.get(row), self.listing(row).goods
        if flaw == "repeated_id":
            return
        rng = Random(f"{self.seed}/{row}/picture")
        image = draw_image(goods.kind.noun, goods.colour, goods.pattern, rng)
        content = image_file(image, flaw, quality=rng.randint(80, 92))
        path = folder / f"{self.nm(row)}.jpg"
        if content is None:
            path.unlink(missing_ok=True)  # drawn into this folder for another catalogue
        else:
            path.write_bytes(content)

    def save_second_image(self, row: int, folder: Path) -> None:
        """Write ``<nm>_2.jpg``, the row's goods in another scene, if the row has it."""
        if row % SECOND_IMAGES == 0 and row not in self.flaws:
            goods, rng = self.listing(row).goods, Random(f"{self.seed}/{row}/second picture")
            image = draw_image(goods.kind.noun, goods.colour, goods.pattern, rng, SMALL_SIDES)
            image.save(folder / f"{self.nm(row)}_2.jpg", "JPEG", quality=rng.randint(80, 92))


def draw_catalog(
    folder: Path, products: int = 400, seed: int = 0, flaw_share: float = 0.05
) -> DemoFacts:
    """Draw ``catalog.parquet``, ``images/<nm>.jpg`` and ``queries.parquet``.

    Equal arguments give equal files.

    A third of the rows has a second image, ``images/<nm>_2.jpg``; the pattern of all images is
    ``{nm}*.jpg``. The table has a row per product: nm (int64), title, description, brend, category,
    sub_category, price (roubles), and what is seen: kind, colour, pattern. ``flaw_share`` of the
    rows have a flaw. ``queries.parquet`` has what people typed and clicked, see
    :mod:`vitrina.demo.queries`. Memory grows by some 50 bytes a product. Raises UserError for an
    argument out of range.
    """
    _check(products, flaw_share)
    shop = Shop(seed, plan_flaws(products, flaw_share, seed))
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    with (
        ThreadPoolExecutor(THREADS) as pool,
        pq.ParquetWriter(folder / "catalog.parquet", SCHEMA) as writer,
    ):
        for rows in _batches(products):
            records = [shop.record(row) for row in rows]
            writer.write_table(pa.Table.from_pylist(records, SCHEMA))
            for save in (shop.save_image, shop.save_second_image):
                for _ in pool.map(partial(save, folder=images), rows):
                    pass  # raises what failed in a thread
    _draw_queries(shop, products, folder / QUERIES)
    flaws = Counter(shop.flaws.values())
    rejected: Counter[str] = Counter()
    for flaw, count in flaws.items():
        if reason := FLAWS[flaw]:
            rejected[reason.value] += count
    return DemoFacts(products, dict(flaws), dict(rejected))


def _draw_queries(shop: Shop, products: int, path: Path) -> None:
    """Write the table of queries, whose listings are those with an id of their own."""
    rows, offers = shop.offers(products)
    clicks = draw_queries(offers, lambda place: shop.listing(rows[place]).goods, shop.seed)
    with pq.ParquetWriter(path, QUERIES_SCHEMA) as writer:
        while records := list(itertools.islice(clicks, BATCH)):
            writer.write_table(pa.Table.from_pylist(records, QUERIES_SCHEMA))


def _check(products: int, flaw_share: float) -> None:
    if not 1 <= products <= MAX_PRODUCTS:
        raise UserError(f"products is {products}; give 1 to {MAX_PRODUCTS}.")
    if not 0 <= flaw_share <= 1:
        raise UserError(f"flaw_share is {flaw_share}; give a share of the rows, 0 to 1.")


def _batches(products: int) -> Iterator[range]:
    for start in range(0, products, BATCH):
        yield range(start, min(start + BATCH, products))
