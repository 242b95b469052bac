"""The demo shop's catalogue: a table of listings and their images, drawn from a seed."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from vitrina.demo.drawing import draw_image
from vitrina.demo.flaws import FLAWS, image_file, plant, soiled_text
from vitrina.demo.words import Listing, as_pasted, draw_listing
from vitrina.errors import UserError

BATCH = 1_000  # rows held in memory, and in one row group
THREADS = 2  # Pillow lets another draw meanwhile; more than two wait for Python itself
MOST_PRODUCTS = 2**26  # ids repeat beyond
RESOLD = 0.06  # of the rows: an earlier row's listing, offered and photographed once more
PASTED_TITLES, PASTED_DESCRIPTIONS = 0.05, 0.15  # that arrive with HTML and the like

SCHEMA = pa.schema(
    {
        "nm": pa.int64(),
        "title": pa.string(),
        "description": pa.string(),
        "brend": pa.string(),
        "category": pa.string(),
        "sub_category": pa.string(),
        "price": pa.int64(),
        "kind": pa.string(),
        "colour": pa.string(),
        "pattern": pa.string(),
    }
)


@dataclass(frozen=True)
class DemoFacts:
    """What was drawn, and what cleaning and resizing must find in it."""

    rows: int
    flaws: dict[str, int]  # rows by planted flaw
    rejected: dict[str, int]  # rows by reason of rejection

    @property
    def rows_kept(self) -> int:
        """Rows that have a text and an image in the end."""
        return self.rows - sum(self.rejected.values())


@dataclass(frozen=True)
class Shop:
    """Every row of a catalogue, each a function of the seed and its number alone."""

    seed: int
    flaws: dict[int, str]

    def original(self, row: int) -> int:
        """The row itself; for one that repeats an id, the closest flawless row before it."""
        if self.flaws.get(row) == "repeated_id":
            return next(
                reuse_from for reuse_from in range(row - 1, -1, -1) if reuse_from not in self.flaws
            )
        return row

    def nm(self, row: int) -> int:
        """The id: of eight digits, in no order, unique."""
        start = Random(f"{self.seed}/nm").getrandbits(26)
        return 10_000_000 + (start + self.original(row) * 40_503_177) % MOST_PRODUCTS

    def listing(self, row: int) -> Listing:
        """What is sold: now and then the same as in a row shortly before."""
        rng = Random(f"{self.seed}/{self.original(row)}/offer")
        source = self.original(row)
        if rng.random() < RESOLD:
            source = max(source - rng.randint(1, 50), 0)
        return draw_listing(Random(f"{self.seed}/{source}/listing"))

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
            "nm": self.nm(row),
            "title": soiled_text(title, "title", flaw),
            "description": soiled_text(description, "description", flaw),
            "brend": goods.brand,
            "category": goods.kind.category,
            "sub_category": goods.kind.sub_category,
            "price": rng.randrange(goods.kind.price[0], goods.kind.price[1] + 1, 100),
            "kind": goods.kind.noun,
            "colour": goods.colour,
            "pattern": goods.pattern,
        }

    def save_image(self, row: int, folder: Path) -> None:
        """Put the row's image file into the folder; a row that repeats an id has none to add."""
        flaw, goods = self.flaws.get(row), self.listing(row).goods
        if flaw == "repeated_id":
            return
        rng = Random(f"{self.seed}/{row}/picture")
        image = draw_image(goods.kind.noun, goods.colour, goods.pattern, rng)
        content = image_file(image, flaw, quality=rng.randint(80, 92))
        path = folder / f"{self.nm(row)}.jpg"
        if content is None:
            path.unlink(missing_ok=True)  # of an earlier catalogue in this folder
        else:
            path.write_bytes(content)


def draw_catalog(folder: Path, products: int = 400, seed: int = 0, dirt: float = 0.05) -> DemoFacts:
    """Draw ``catalog.parquet`` and ``images/<nm>.jpg`` into a folder: from a seed, always the same.

    The table: nm (int64), title, description, brend, category, sub_category, price (roubles), and
    the visible kind, colour, pattern. ``dirt`` is the share of rows with a planted flaw. Memory
    does not grow with ``products``. Raises UserError for a number out of range.
    """
    _check(products, dirt)
    shop = Shop(seed, plant(products, dirt, seed))
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    with (
        ThreadPoolExecutor(THREADS) as pool,
        pq.ParquetWriter(folder / "catalog.parquet", SCHEMA) as writer,
    ):
        for rows in _batches(products):
            records = [shop.record(row) for row in rows]
            writer.write_table(pa.Table.from_pylist(records, SCHEMA))
            for _ in pool.map(lambda row: shop.save_image(row, images), rows):
                pass  # a failure is raised here
    flaws = Counter(shop.flaws.values())
    rejected: Counter[str] = Counter()
    for flaw, count in flaws.items():
        if reason := FLAWS[flaw]:
            rejected[reason] += count
    return DemoFacts(products, dict(flaws), dict(rejected))


def _check(products: int, dirt: float) -> None:
    if not 1 <= products <= MOST_PRODUCTS:
        raise UserError(f"products is {products}; give 1 to {MOST_PRODUCTS}.")
    if not 0 <= dirt <= 1:
        raise UserError(f"dirt is {dirt}; give a share of the rows, 0 to 1.")


def _batches(products: int) -> Iterator[range]:
    for start in range(0, products, BATCH):
        yield range(start, min(start + BATCH, products))
