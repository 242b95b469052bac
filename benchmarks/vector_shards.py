"""The shards that an embedding leaves, from vectors that are there already."""

from collections.abc import Sequence

from upath import UPath

from vitrina.embedding.rows import Rows
from vitrina.embedding.shard_file import Vectors, write_shard
from vitrina.results import VectorOrigin

SHARD_ROWS = 2_000
# Of vectors that no model has made.
ORIGIN = VectorOrigin(
    model="m", model_folder="", templates=("{}",), text="{title}", arithmetic="cpu float32"
)


# Six parameters: where, the vectors, and what a shard says of each row.
def write_shards(
    folder: UPath,
    text: Vectors,
    img: Vectors,
    texts: Sequence[str],
    text_keys: Sequence[str],
    origin: VectorOrigin = ORIGIN,
) -> list[UPath]:
    """Write the vectors of rows 0, 1, …; a row with another key has another text."""
    shards = []
    for start in range(0, len(text), SHARD_ROWS):
        nm = list(range(start, min(start + SHARD_ROWS, len(text))))
        own = slice(start, start + len(nm))
        rows = Rows(nm, texts[own], [], text_keys[own], [f"i{row}" for row in nm])
        shards.append(folder / f"part-{start // SHARD_ROWS:05}.parquet")
        write_shard(shards[-1], rows, text[own], img[own], origin)
    return shards
