"""Images are found by name in any Unicode form, and nothing else is looked at."""

import logging
import os
import unicodedata
from pathlib import Path

import pytest
from upath import UPath

from tests.support.flaky_s3 import flaky_endpoint
from tests.support.image_shop import CONFIG, Shop, image, table_of
from vitrina.images.image_files import ImageFiles
from vitrina.images.load import read_image
from vitrina.images.named_files import MISSING
from vitrina.store import files
from vitrina.store.files import write_bytes
from vitrina.store.paths import is_local, to_path

ID = "чай-й-ё-1"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A small shop on disk."""
    return Shop(to_path(tmp_path))


@pytest.mark.parametrize("form", ["NFC", "NFD", "mixed"])
@pytest.mark.parametrize("pattern", ["{nm}.jpg", "{nm}/1.jpg"])
def test_a_name_is_found_in_any_unicode_form(place: UPath, form: str, pattern: str) -> None:
    """A Mac's archive has й and ё as two characters each; they may even be mixed in one name."""
    if form == "mixed" and pattern != "{nm}.jpg" and is_local(place):
        pytest.skip("a folder below is not listed, only looked into in either form")
    composed, decomposed = (unicodedata.normalize(one, ID) for one in ("NFC", "NFD"))
    name = {"NFC": composed, "NFD": decomposed, "mixed": composed[:4] + decomposed[5:]}[form]
    shop = Shop(place, rows=0)
    write_bytes(shop.originals / pattern.replace("{nm}", name), image(1))
    for shop.ids in ([composed], [decomposed]):
        result = shop.run(config=CONFIG.model_copy(update={"image_pattern": pattern}))
        assert result.reasons == {}
        assert result.rows_kept == 1


def test_the_name_that_is_written_so_comes_first(shop: Shop) -> None:
    """Of two files that differ only in their form, each is the image of its own id."""
    names = [unicodedata.normalize(form, ID) for form in ("NFC", "NFD")]
    for size, name in enumerate(names, 1):
        write_bytes(shop.originals / name, b"x" * size)
    found = ImageFiles(shop.originals).find([*names, "absent"])
    assert [one.name for one in found] == [*names, "absent"]
    assert [one.size for one in found] == [1, 2, MISSING]


def entered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list to which each folder that is listed from now on is added."""
    folders: list[str] = []
    scandir = os.scandir

    def watched(path: str) -> object:
        folders.append(str(path))
        return scandir(path)

    monkeypatch.setattr(files.os, "scandir", watched)
    return folders


@pytest.mark.parametrize(
    ("pattern", "listed"), [("{nm}.jpg", "."), ("new/{nm}.jpg", "new"), ("{nm}/1.jpg", None)]
)
def test_no_folder_is_entered_that_no_row_needs(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, pattern: str, listed: str | None
) -> None:
    """Only the one with all images is listed, and none if each row has its own."""
    for nm in shop.ids:
        write_bytes(shop.originals / pattern.replace("{nm}", str(nm)), image(nm))
    write_bytes(shop.originals / "other" / "deep" / "1.jpg", image(9))
    (Path(shop.originals.path) / "back").symlink_to(shop.originals.path)
    folders = entered(monkeypatch)
    config = CONFIG.model_copy(update={"image_pattern": pattern})
    plan = shop.plan(*map(str, shop.ids), config=config)
    assert all(step.stamp for step in plan.steps)
    below = [folder for folder in folders if folder.startswith(shop.originals.path)]
    assert below == ([] if listed is None else [str(Path(shop.originals.path, listed))])


def test_an_id_may_lead_to_a_folder_below(place: UPath) -> None:
    """Also if the pattern does not: the shop keeps its images in folders."""
    shop = Shop(place, rows=2)
    shop.put("2024/7", image(7))
    shop.ids = ["0", "1", "2024/7", "2024/8"]
    result = shop.run()
    assert (result.rows_kept, result.reasons) == (3, {"missing_image": 1})
    assert shop.run().images_resized == 0


def test_what_is_no_file_is_a_missing_image(shop: Shop) -> None:
    """A pipe, a folder and a link to a device are named like images."""
    folder = Path(shop.originals.path)
    for nm in (0, 1, 2):
        (folder / f"{nm}.jpg").unlink()
    os.mkfifo(folder / "0.jpg")
    (folder / "1.jpg").mkdir()
    (folder / "2.jpg").symlink_to("/dev/zero")
    assert shop.run().reasons == {"missing_image": 3}


def test_exchanged_images_are_resized_again(shop: Shop) -> None:
    """Two images of one size and one time of modification change their names."""
    folder = Path(shop.originals.path)
    one, two = folder / "1.jpg", folder / "2.jpg"
    size = max(path.stat().st_size for path in (one, two))
    for path in (one, two):
        path.write_bytes(path.read_bytes().ljust(size, b"\0"))
        os.utime(path, (1, 1))
    before = table_of(shop.run())["image_hash"].tolist()
    one.rename(folder / "third")
    two.rename(one)
    (folder / "third").rename(two)
    result = shop.run()
    assert result.images_resized == 2
    before[1], before[2] = before[2], before[1]
    assert table_of(result)["image_hash"].tolist() == before


def test_a_folder_that_may_not_be_entered_is_told_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its images count as missing, and the run goes on."""

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("vitrina.images.image_files.info_of", refuse)
    with caplog.at_level(logging.WARNING):
        found = ImageFiles(shop.originals).find(["a/1.jpg", "b/1.jpg", "1.jpg"])
    assert [one.size == MISSING for one in found] == [True, True, False]
    assert caplog.text.count("may not be read") == 1


def no_fault(_method: str, _name: str) -> None:
    """An S3 server without faults, whose requests are counted."""


def test_resizing_and_reading_an_image_take_one_request_each(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One GET and one PUT for each image that is resized; one GET to embed or train on it."""
    shop = Shop(to_path(bucket), rows=8)
    cleaned = shop.cleaned()
    with flaky_endpoint(no_fault) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        to_path(bucket).fs.clear_instance_cache()
        shop = Shop(to_path(bucket), rows=0)
        shop.ids, shop.cleaned = list(range(8)), lambda: cleaned  # type: ignore[method-assign]
        shop.run()
        asked = _of_images(endpoint.app.asked)
        assert asked == {"GET originals": 8, "PUT images": 8}
        for nm in range(8):
            read_image(f"{bucket}/images/{nm}.jpg")
        assert _of_images(endpoint.app.asked) == asked | {"GET images": 8}


def _of_images(asked: dict[str, int]) -> dict[str, int]:
    """How often images were asked for, by method and folder."""
    counts: dict[str, int] = {}
    for request, count in asked.items():
        method, path = request.split("?")[0].split()
        if path.endswith(".jpg"):
            kind = f"{method} {path.split('/')[-2]}"
            counts[kind] = counts.get(kind, 0) + count
    return counts


@pytest.mark.parametrize("pattern", ["{nm}.jpg", "{nm}/1.jpg", "new/{nm}"])
def test_an_image_with_another_ending_or_case_is_found(place: UPath, pattern: str) -> None:
    """The seed's ids have no case, but endings come as cameras and shops write them."""
    shop = Shop(place, rows=0)
    endings = [".JPG", ".jpeg", ".png", ".WEBP", ".Jpg"]
    for nm, ending in enumerate(endings):
        name = pattern.replace("{nm}", str(nm)).removesuffix(".jpg") + ending
        write_bytes(shop.originals / name, image(nm))
    shop.ids = [*range(len(endings)), 99]
    config = CONFIG.model_copy(update={"image_pattern": pattern})
    assert shop.run(config=config).reasons == {"missing_image": 1}
    assert shop.run(config=config).images_resized == 0


def test_a_file_in_other_case_is_not_taken_from_another_row(place: UPath) -> None:
    """Ids such as aB3 and AB3 may be different listings: neither gets the other's image."""
    shop = Shop(place, rows=0)
    for nm in ("AB3", "ab4", "ёж"):
        shop.put(nm, image(len(nm)))
    shop.ids = ["aB3", "AB3", "AB4", "ЁЖ"]
    result = shop.run()
    assert table_of(result)["nm"].tolist() == ["AB3", "AB4", "ЁЖ"]
    assert result.reasons == {"missing_image": 1}


def test_what_is_there_is_taken_before_what_is_nearly_there(shop: Shop) -> None:
    """Also if the other one would be nearer to what most shops have."""
    shop.put("x", image(1))
    write_bytes(shop.originals / "x.JPG", image(2))
    found = ImageFiles(shop.originals).find(["x.jpg", "x.JPG", "x.png"])
    assert [one.name for one in found] == ["x.jpg", "x.JPG", "x.jpg"]
    assert ImageFiles(shop.originals, exact=True).find(["x.png"])[0].size == MISSING
