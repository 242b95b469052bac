"""Very many files in little memory."""

import numpy as np

from vitrina.images.compact_listing import CompactListing
from vitrina.store.file_info import FileInfo


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
