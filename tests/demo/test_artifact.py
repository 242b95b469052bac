"""The demo catalogue in a store."""

from upath import UPath

from vitrina.demo.artifact import draw_into
from vitrina.store.artifacts import Artifact
from vitrina.store.files import listing, read_bytes
from vitrina.store.paths import to_path


def test_the_files_are_the_same_in_a_folder_and_in_a_bucket(place: UPath) -> None:
    """The names returned are all files there are, and the result says where they are."""
    result, names = draw_into(Artifact(place / "demo"), products=8, seed=0)
    assert set(names) == set(dict(listing(place / "demo")))
    images = dict(listing(to_path(result.images)))
    assert {"catalog.parquet", "queries.parquet", *(f"images/{name}" for name in images)} == set(
        names
    )
    assert read_bytes(to_path(result.queries))[:4] == b"PAR1"
    assert read_bytes(to_path(result.catalog))[:4] == b"PAR1"
    assert all(info.size > 1_000 for info in images.values())
    assert (result.rows, len(images)) == (8, 11)
