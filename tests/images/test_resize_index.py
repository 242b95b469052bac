"""The index of resized images: what it finds, and that it stays small and loses little."""

from pathlib import Path

import numpy as np
import pytest
from upath import UPath

from tests.support.image_shop import Shop
from vitrina.images import resize_index
from vitrina.images.resize_index import CompactListing, ResizeIndex, ResizeOutcome
from vitrina.store.files import FileInfo, listing
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


def test_a_compact_listing_finds_size_and_stamp_by_name() -> None:
    """Files are found among thousands; one that is missing has size -1 and stamp 0."""
    files = [(f"{number}.jpg", FileInfo(number, f"stamp {number}")) for number in range(5_000)]
    compact = CompactListing.of(files)
    sizes, stamps = compact.find(["4999.jpg", "missing.jpg", "7.jpg"])
    assert sizes.tolist() == [4_999, -1, 7]
    assert stamps[1] == 0
    changed = CompactListing.of([("7.jpg", FileInfo(7, "another stamp"))]).find(["7.jpg"])[1]
    assert len({*stamps.tolist(), *changed.tolist()}) == 4
    assert np.array_equal(CompactListing.of([]).find(["7.jpg"])[0], [-1])
