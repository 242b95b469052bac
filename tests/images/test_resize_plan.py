"""What is resized and what is known: changed images, other settings, unsafe ids, wrong folders."""

import os
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image
from upath import UPath

from tests.support.image_shop import CONFIG, Shop, image, record_opened, table_of
from vitrina.config.images import ResizeConfig
from vitrina.errors import UserError
from vitrina.images.image_folders import ImageFolders
from vitrina.images.resize_plan import ResizePlanner
from vitrina.images.safe_names import is_unsafe
from vitrina.store.files import listing, read_bytes, remove, write_bytes
from vitrina.store.paths import to_path

SCHEMA = pa.schema([("nm", pa.int64())])


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A small shop on disk."""
    return Shop(to_path(tmp_path))


def test_an_unchanged_image_is_not_opened_again(
    place: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second run opens nothing, rejected images included, and gives the same."""
    shop = Shop(place)
    shop.put("1", b"no image")
    first, files = shop.run(), shop.files()
    opened = record_opened(monkeypatch)
    second = shop.run()
    assert opened == []
    assert shop.files() == files
    assert second == first.model_copy(update={"images_resized": 0})


def test_only_new_and_changed_images_are_opened(
    place: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One image changed, one row new, one gone: two are opened, and a full run gives the same."""
    shop = Shop(place)
    shop.run()
    shop.put(3, image(99))
    shop.put(6, image(6))
    shop.ids = [0, 2, 3, 4, 5, 6]
    opened = record_opened(monkeypatch)
    changed = shop.run()
    assert sorted(opened) == sorted([image(99), image(6)])
    assert table_of(changed)["nm"].tolist() == shop.ids
    files = shop.files()
    shop.images = place / "afresh"
    full = shop.run("full")
    assert full.table.fingerprint == changed.table.fingerprint
    images = {name: data for name, data in shop.files("full").items() if name.endswith(".jpg")}
    assert images.items() <= files.items()


@pytest.mark.parametrize("damage", ["removed", "cut"])
def test_a_resized_image_that_is_lost_is_resized_again(shop: Shop, damage: str) -> None:
    """An outcome is known only while the resized image is there in its full size."""
    first, files = shop.run(), shop.files()
    lost = shop.images / "4.jpg"
    if damage == "removed":
        remove([lost])
    else:
        write_bytes(lost, read_bytes(lost)[:100])
    second = shop.run()
    assert second.images_resized == 1
    assert second.table.fingerprint == first.table.fingerprint
    assert shop.files() == files


def test_other_settings_resize_every_image_again(shop: Shop) -> None:
    """A folder named by the user always has the images of the last settings."""
    shop.run()
    smaller = shop.run(config=ResizeConfig(default_image_size=(16, 16)))
    assert smaller.images_resized == 6
    with Image.open(table_of(smaller)["image_path"][0]) as image:
        assert image.size == (12, 16)
    assert shop.run(config=ResizeConfig(default_image_size=(16, 16), threads=1)).images_resized == 0


def test_refresh_resizes_every_image_again(shop: Shop) -> None:
    """Whatever the index has; the next run reuses the new outcomes."""
    shop.run()
    assert shop.run(refresh=True).images_resized == 6
    assert shop.run().images_resized == 0


def test_the_path_of_an_id_never_leaves_the_folder(tmp_path: Path) -> None:
    """An image outside of the folder is not read, and none is written outside of the target."""
    shop = Shop(to_path(tmp_path / "shop"), rows=1)
    (tmp_path / "shop" / "secret.jpg").write_bytes(image(1))
    shop.ids = [
        "0",
        "../secret",
        "x/../../secret",
        f"{tmp_path}/shop/secret",
        "..",
        "я" * 150,
    ]
    before = set(dict(listing(shop.root)))
    result = shop.run()
    assert result.reasons == {"unsafe_path": 5}
    new = set(dict(listing(shop.root))) - before
    assert {name for name in new if name.endswith(".jpg")} == {"images/0.jpg"}
    assert is_unsafe("a\0b")


def test_ids_that_no_store_can_name_are_rejected(place: UPath) -> None:
    """Ids that S3 paths cannot contain do not end the run."""
    shop = Shop(place)
    shop.ids = [*map(str, shop.ids), "brand::7", "a?versionId=1"]
    result = shop.run()
    assert (result.rows_kept, result.reasons) == (6, {"unsafe_path": 2})


def test_the_image_pattern_leads_to_the_originals(shop: Shop) -> None:
    """Originals may be in a folder per row and of another format."""
    for nm in shop.ids:
        write_bytes(shop.originals / str(nm) / "main.png", image(nm, kind="PNG"))
    for pattern in ("{nm}/main.png", "./{nm}/main.png"):
        result = shop.run(config=CONFIG.model_copy(update={"image_pattern": pattern}))
        assert result.rows_kept == 6


def test_a_file_name_that_is_not_utf8_does_no_harm(shop: Shop) -> None:
    """Linux allows any bytes in a name; such a file is no row's image."""
    (Path(shop.originals.path) / os.fsdecode(b"\xff\xfe.jpg")).write_bytes(image(1))
    assert shop.run().rows_kept == 6


def test_resized_images_do_not_overwrite_the_originals(shop: Shop) -> None:
    """The folder of resized images cannot be that of the originals."""
    below = ResizeConfig(image_pattern="originals/{nm}.jpg")
    other_name = f"{shop.originals}/../originals"
    for originals, resized, config in (
        (shop.originals, other_name, CONFIG),
        (shop.root, shop.originals, below),
    ):
        folders = ImageFolders(originals=str(originals), resized=str(resized))
        with pytest.raises(UserError, match="Name another folder"):
            ResizePlanner.make(folders, config, SCHEMA)


def test_a_missing_folder_of_originals_is_refused(shop: Shop) -> None:
    """Nothing is planned for a folder that does not exist."""
    folders = ImageFolders(originals=f"{shop.root}/nowhere", resized=str(shop.images))
    with pytest.raises(UserError, match="does not exist"):
        ResizePlanner.make(folders, CONFIG, SCHEMA)
