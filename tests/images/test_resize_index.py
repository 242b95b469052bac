"""The index of resized images: what it finds, and that it stays small and loses little."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from tests.support.image_shop import Shop
from vitrina.images import resize_index
from vitrina.images.resize_index import SCHEMA, ResizeIndex, ResizeOutcome
from vitrina.store.files import listing
from vitrina.store.paths import to_path


def outcome(nm: str, stamp: int = 1) -> ResizeOutcome:
    """An outcome that a run might record."""
    return ResizeOutcome(nm, stamp, 10, "hash", "")


def test_the_index_stays_in_few_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small files are merged, and no row is lost."""
    shop = Shop(to_path(tmp_path))
    monkeypatch.setattr(resize_index, "WRITE_ROWS", 1)
    monkeypatch.setattr(resize_index, "MAX_PARTS", 4)
    shop.run()
    assert len(list(listing(shop.images / ".index"))) == 1
    assert shop.run().images_resized == 0


def test_the_last_outcome_of_an_image_is_found(place: UPath) -> None:
    """Of two outcomes recorded for one id the later counts; an unknown id has none."""
    for recorded in ([outcome("a"), outcome("b")], [outcome("a", stamp=2)]):
        with ResizeIndex.load(place).recording() as record:
            for one in recorded:
                record(one)
    found = ResizeIndex.load(place).find(["b", "missing", "a"])
    assert found == [outcome("b"), None, outcome("a", stamp=2)]
    assert ResizeIndex.empty(place).find(["a"]) == [None]


def test_what_was_recorded_before_an_error_is_kept(tmp_path: Path) -> None:
    """A run that fails writes its outcomes so far and raises its own error."""
    folder = to_path(tmp_path)

    def fail() -> None:
        with ResizeIndex.load(folder).recording() as record:
            record(outcome("a"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert ResizeIndex.load(folder).find(["a"]) == [outcome("a")]


def test_an_index_of_an_older_version_is_read(tmp_path: Path) -> None:
    """It knows nothing of fetched images; its rows are merged with new ones."""
    folder = to_path(tmp_path)
    old = pa.table(
        {name: [value] for name, value in zip(SCHEMA.names[:5], outcome("a"), strict=False)}
    )
    (tmp_path / ".index").mkdir()
    pq.write_table(old.cast(pa.schema(list(SCHEMA)[:5])), tmp_path / ".index" / "0.parquet")
    new = outcome("b")._replace(etag="e", last_modified="m", status=200, checked=7)
    with ResizeIndex.load(folder).recording() as record:
        record(new)
    found = ResizeIndex.load(folder, of_fetched=True).find(["a", "b"])
    assert found == [outcome("a"), new]
    without = new._replace(etag="", last_modified="", status=0, checked=0)
    assert ResizeIndex.load(folder).find(["a", "b"]) == [outcome("a"), without]


def test_what_was_recorded_is_found_after_a_reload(tmp_path: Path) -> None:
    """Whatever was there before; of an index that ignores it, only what is new."""
    folder = to_path(tmp_path)
    with ResizeIndex.load(folder).recording() as record:
        record(outcome("a"))
    for index, known in (
        (ResizeIndex.load(folder), outcome("a")),
        (ResizeIndex.empty(folder), None),
    ):
        with index.recording() as record:
            record(outcome("b"))
        assert index.with_new().find(["a", "b"]) == [known, outcome("b")]
