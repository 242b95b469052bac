"""A run that builds on earlier ones: unchanged, changed, killed, or two at once."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image
from upath import UPath

from tests.support.image_shop import Shop, image, opens, table_of
from vitrina.config import ResizeConfig
from vitrina.images import resize_index as image_index
from vitrina.images.resize_catalog import resize_catalog
from vitrina.store.artifacts import Artifact
from vitrina.store.files import listing, read_bytes, remove, write_bytes
from vitrina.store.paths import to_path


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A small shop on this machine."""
    return Shop(to_path(tmp_path))


def test_an_unchanged_image_is_not_opened_again(
    place: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second run opens nothing, rejected images included, and gives the same."""
    shop = Shop(place)
    shop.put("1", b"no image")
    first, files = shop.run(), shop.files()
    seen = opens(monkeypatch)
    second = shop.run()
    assert seen == []
    assert shop.files() == files
    assert second == first.model_copy(update={"images_resized": 0})


def test_a_change_costs_what_has_changed(place: UPath, monkeypatch: pytest.MonkeyPatch) -> None:
    """One image changed, one row new, one gone: two are opened, and it equals a full run."""
    shop = Shop(place)
    shop.run()
    shop.put(3, image(99))
    shop.put(6, image(6))
    shop.ids = [0, 2, 3, 4, 5, 6]
    seen = opens(monkeypatch)
    changed = shop.run()
    assert sorted(seen) == sorted([image(99), image(6)])
    assert table_of(changed)["nm"].tolist() == shop.ids
    files = shop.files()
    shop.images = place / "afresh"
    full = shop.run("full")
    assert full.fingerprint == changed.fingerprint
    images = {name: data for name, data in shop.files("full").items() if name.endswith(".jpg")}
    assert images.items() <= files.items()


@pytest.mark.parametrize("harm", ["removed", "cut"])
def test_a_resized_image_that_is_gone_is_made_again(shop: Shop, harm: str) -> None:
    """A row of the index counts only while its image is there in its full size."""
    first, files = shop.run(), shop.files()
    gone = shop.images / "4.jpg"
    if harm == "removed":
        remove([gone])
    else:
        write_bytes(gone, read_bytes(gone)[:100])
    second = shop.run()
    assert second.images_resized == 1
    assert second.fingerprint == first.fingerprint
    assert shop.files() == files


def test_other_settings_make_every_image_again(shop: Shop) -> None:
    """A folder that the user names serves one setting after the other."""
    shop.run()
    smaller = shop.run(config=ResizeConfig(default_image_size=(16, 16)))
    assert smaller.images_resized == 6
    with Image.open(table_of(smaller)["image_path"][0]) as image:
        assert image.size == (12, 16)
    assert shop.run(config=ResizeConfig(default_image_size=(16, 16), threads=1)).images_resized == 0


def test_refresh_makes_every_image_again(shop: Shop) -> None:
    """Whatever the index says, and the next run builds on it."""
    shop.run()
    assert shop.run(refresh=True).images_resized == 6
    assert shop.run().images_resized == 0


def test_the_index_stays_in_few_files(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small parts are put together, and nothing is forgotten."""
    monkeypatch.setattr(image_index, "WRITE_ROWS", 1)
    monkeypatch.setattr(image_index, "MAX_PARTS", 4)
    shop.run()
    assert len(list(listing(shop.images / ".index"))) == 1
    assert shop.run().images_resized == 0


KILLED = """
import os, signal, sys
from tasks.image_index import ImageIndex
from tasks import image_index
from tests.support.image_shop import Shop
from tasks.storage import location

add, parts = ImageIndex._add, []

def add_and_die(index, rows):
    add(index, rows)
    parts.append(rows)
    if len(parts) == 4:
        os.kill(os.getpid(), signal.SIGKILL)

image_index.WRITE_ROWS = 5
ImageIndex._add = add_and_die
Shop(location(sys.argv[1]), rows=40).run()
"""


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9 in the middle: no table, most images kept, and the same outcome in the end."""
    root = Path(__file__).parents[2]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "killed")],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    shop = Shop(to_path(tmp_path / "killed"), rows=0)
    shop.ids = list(range(40))
    assert not [name for name, _ in listing(shop.place / "resize") if name.startswith("processed")]
    seen = opens(monkeypatch)
    resumed = shop.run()
    assert len(seen) == 40 - 4 * 5
    whole = Shop(to_path(tmp_path / "whole"), rows=40)
    assert resumed.fingerprint == whole.run().fingerprint


def test_what_killed_runs_left_half_written_goes_after_a_while(tmp_path: Path) -> None:
    """The file of an hour ago does, that of somebody who may still write does not."""
    shop = Shop(to_path(tmp_path))
    folder = tmp_path / "images"
    folder.mkdir()
    old, young = folder / ".1.jpg.0123abcd.part", folder / ".2.jpg.0123abcd.part"
    for left in (old, young):
        left.write_bytes(b"half")
    os.utime(old, (0, 0))
    shop.run()
    assert not old.exists()
    assert young.exists()


def test_two_runs_at_once_do_not_harm_each_other(shop: Shop) -> None:
    """Both give the same table, every image is whole, and the index knows them all."""
    cleaned, results = shop.cleaned(), []

    def run(name: str) -> None:
        survey, artifact = shop.survey(), Artifact(shop.place / name)
        results.append(resize_catalog(cleaned, survey, artifact)[0])

    threads = [threading.Thread(target=run, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0].fingerprint == results[1].fingerprint
    assert shop.run().images_resized == 0
