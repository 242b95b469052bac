"""What is needed stays, what is not goes, and what is not the store's is never touched."""

import os
import time
from pathlib import Path

import pytest
from upath import UPath

from vitrina.errors import UserError
from vitrina.store.artifacts import Store, open_store
from vitrina.store.files import listing, write_bytes, write_json
from vitrina.store.paths import exists, to_path
from vitrina.store.prune import Item, check_store, inventory, remove_abandoned, remove_item


def key(number: int) -> str:
    """A key as the store makes them: 20 hexadecimal digits."""
    return f"{number:020x}"


def publish(store: Store, stage: str, number: int, **result: object) -> UPath:
    """An artifact with one file and this result, the latest one of its stage."""
    artifact = store.artifact(stage, key(number))
    write_bytes(artifact.path / "file", b"12345")
    artifact.publish(stage, key(number), ["file"], parameters={}, result=result)
    store.point_latest(stage, key(number))
    return artifact.path


@pytest.fixture
def store(place: UPath) -> Store:
    """A new store, local and on S3."""
    return open_store(str(place))


def kept(store: Store, keep_days: float = 0) -> dict[str, str]:
    """Why each folder of the store is needed; empty if it is not."""
    return {item.label: item.needed for item in inventory(store.path, keep_days)}


def remove_unneeded(store: Store) -> list[str]:
    """Prune, and return the files that stay."""
    items = inventory(store.path, 0)
    for item in items:
        if not item.needed:
            remove_item(store, item)
    remove_abandoned([item for item in items if item.needed])
    return sorted(name for name, _ in listing(store.path) if "latest" not in name)


def test_latest_stays_and_older_artifacts_go(store: Store) -> None:
    """Of two artifacts of a stage the one that the last run found or made."""
    publish(store, "clean", 1)
    newest = publish(store, "clean", 2)
    assert kept(store) == {f"clean/{key(1)}": "", f"clean/{key(2)}": "latest"}
    names = remove_unneeded(store)
    assert names == [f"clean/{key(2)}/file", f"clean/{key(2)}/manifest.json", "vitrina-store.json"]
    artifact = store.latest("clean")
    assert artifact is not None
    assert artifact.path == newest


def test_what_a_needed_artifact_refers_to_stays(store: Store) -> None:
    """Through any number of manifests; images of a table that goes, go with it."""
    for number in (7, 8):
        write_bytes(store.path / "images" / key(number) / "a" / "1.jpg", b"jpeg")
    publish(store, "resize", 1, images=str(store.path / "images" / key(7)))
    publish(store, "resize", 2, images=str(store.path / "images" / key(8)))
    publish(store, "resize", 3)
    trained = publish(store, "train", 4, table=f"{store.path}/resize/{key(1)}/table.parquet")
    publish(store, "train", 5)
    publish(store, "report", 6, trained={"model": {"folder": f"{trained}/ruclip"}})
    assert kept(store) == {
        f"resize/{key(1)}": f"used by train/{key(4)}",
        f"resize/{key(2)}": "",
        f"resize/{key(3)}": "latest",
        f"train/{key(4)}": f"used by report/{key(6)}",
        f"train/{key(5)}": "latest",
        f"report/{key(6)}": "latest",
        f"images/{key(7)}": f"used by resize/{key(1)}",
        f"images/{key(8)}": "",
    }
    remove_unneeded(store)
    assert exists(store.path / "images" / key(7) / "a" / "1.jpg")
    assert not exists(store.path / "images" / key(8))


def test_every_model_of_the_history_stays_and_its_training_goes(store: Store) -> None:
    """A roll-back can go to any of them; the copies outlive the trainings that they are from."""
    trained = publish(store, "train", 9)
    publish(store, "train", 10)
    for number in (1, 2, 3):
        artifact = store.artifact("models", key(number))
        write_bytes(artifact.path / "file", b"12345")
        origin = {"from": f"{trained}/ruclip"}
        artifact.publish("models", key(number), ["file"], parameters=origin, result={})
    for number in (1, 2):
        record = store.path / "models" / "history" / f"{number:06}.json"
        write_json(record, {"number": number, "fingerprint": key(number)})
    write_json(store.path / "models" / "current", {"fingerprint": key(2)})
    found = kept(store)
    assert found[f"models/{key(1)}"] == "history of models"
    assert found[f"models/{key(2)}"] == "current model"
    assert found[f"models/{key(3)}"] == ""  # copied by a run that was killed before it was promoted
    assert found[f"train/{key(9)}"] == ""
    names = remove_unneeded(store)
    assert f"models/{key(1)}/file" in names
    assert "models/history/000001.json" in names


def test_a_damaged_history_stops_it(store: Store) -> None:
    """Nothing is removed while it is not known which models are named."""
    write_bytes(store.path / "models" / "history" / "000001.json", b"{")
    with pytest.raises(UserError, match=r"000001\.json cannot be read, so nothing is removed"):
        inventory(store.path, 0)


def test_a_measurement_stays_with_its_model_and_table(store: Store) -> None:
    """So that a base model is not measured again for the next training."""
    for number, model in ((1, "m1"), (2, "m2"), (3, "m1")):
        artifact = store.artifact("measure", key(number))
        table = "t1" if number < 3 else "old table"
        inputs = {"model": model, "table": table}
        artifact.publish("measure", key(number), [], parameters=inputs, result={})
    publish(store, "evaluate", 4, before="m1", table="t1")
    found = kept(store)
    assert found[f"measure/{key(1)}"] == "of a needed model"
    assert found[f"measure/{key(2)}"] == found[f"measure/{key(3)}"] == ""


def test_what_was_just_written_stays(store: Store) -> None:
    """A run may be at work on it, whether it is finished or not."""
    publish(store, "clean", 1)
    publish(store, "clean", 2)
    write_bytes(store.path / "train" / key(3) / "resume.pth", b"step")
    assert kept(store, keep_days=1) == {
        f"clean/{key(1)}": "recent",
        f"clean/{key(2)}": "latest",
        f"train/{key(3)}": "unfinished, recent",
    }
    assert kept(store)[f"train/{key(3)}"] == ""
    remove_unneeded(store)
    assert not exists(store.path / "train" / key(3))


def test_what_is_not_the_store_s_is_never_touched(store: Store) -> None:
    """Other folders and files, also in the folders of stages; files that no stage wrote."""
    mine = [
        *("notes.txt", "clean/notes.txt", "mine/file", "clean/mine/file", "images/holiday/1.jpg"),
        *(f"mine/{key(1)}/file", f"clean/{key(1)}/notes.txt", f"clean/{key(1)[:-1]}/file"),
    ]
    publish(store, "clean", 1)
    write_bytes(store.path / "clean" / key(1) / ".vitrina" / "store", b"1")
    publish(store, "clean", 2)
    for name in mine:
        write_bytes(store.path / name, b"mine")
    (item,) = [one for one in inventory(store.path, 0) if not one.needed]
    assert remove_item(store, item) == ["notes.txt"]
    newest = [f"clean/{key(2)}/file", f"clean/{key(2)}/manifest.json"]
    assert remove_unneeded(store) == sorted([*mine, *newest, "vitrina-store.json"])


def test_an_artifact_that_a_run_has_just_found_stays(store: Store) -> None:
    """Between the listing and the removal another run may make it the latest one."""
    publish(store, "clean", 1)
    publish(store, "clean", 2)
    (item,) = [one for one in inventory(store.path, 0) if not one.needed]
    store.point_latest("clean", key(1))
    assert remove_item(store, item) == []
    assert store.latest("clean") is not None


def test_temp_files_of_killed_writers_go(tmp_path: Path) -> None:
    """Those of the last hour may be in use."""
    store = open_store(str(tmp_path))
    folder = Path(publish(store, "clean", 1).path)
    for name, age in ((".a.0123abcd.part", 7_200), (".b.0123abcd.part", 60)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age,) * 2)
    remove_unneeded(store)
    assert {file.name for file in folder.iterdir()} == {
        *("file", "manifest.json", ".b.0123abcd.part"),
    }


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A link named like an artifact, or inside one, leads to what is not the store's."""
    store = open_store(str(tmp_path / "store"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    (tmp_path / "store" / "train" / key(1)).mkdir(parents=True)
    (tmp_path / "store" / "train" / key(1) / "linked").symlink_to(tmp_path / "mine")
    (tmp_path / "store" / "train" / key(2)).symlink_to(tmp_path / "mine")
    items: list[Item] = inventory(store.path, 0)
    assert [item.label for item in items] == [f"train/{key(1)}"]
    remove_unneeded(store)
    assert (tmp_path / "mine" / "file").read_text() == "mine"


def test_a_folder_without_a_store_is_refused(place: UPath) -> None:
    """Whatever it holds; the store of a script's outputs is named."""
    write_bytes(place / "clean" / key(1) / "file", b"mine")
    with pytest.raises(UserError, match="holds no store of Vitrina, so nothing in it is removed"):
        check_store(place)
    write_bytes(place / ".vitrina" / "clean" / key(1) / "file", b"1")
    with pytest.raises(UserError, match=r"Give .*\.vitrina"):
        check_store(place)
    check_store(place / ".vitrina")
    with pytest.raises(UserError, match="does not exist"):
        check_store(to_path(f"{place}/absent"))
