"""Which artifacts of a store are still needed and why, and the removal of the others.

Needed is what ``latest`` of a stage points to, what the history of promoted models names, what a
needed artifact refers to, and what was written so recently that a run may still be at work on it.
Only folders that the store itself has named, by a key, are looked at.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from upath import UPath

from vitrina.errors import UserError
from vitrina.store.artifacts import LAYOUT_FILE, Artifact, Manifest, Store, check_layout
from vitrina.store.files import listing, read_bytes
from vitrina.store.paths import check_folder, exists, is_file
from vitrina.store.usage import Usage, remove_files, stored_files, subfolders

TABLE = ".lance"  # of a LanceDB table, which belongs to all runs of a model, not to one artifact
KEY = re.compile(r"[0-9a-f]{20}(\.lance)?")
REFERENCE = re.compile(r"([a-z]+)/([0-9a-f]{20}(?:\.lance)?)(?![0-9a-f])")
MODELS, IMAGES = "models", "images"
MODEL_FILES = ("config.json", "bpe.model", "pytorch_model.bin", "model.safetensors", "README.md")
# How the names of the files begin that a stage writes; an unfinished artifact has no list of them.
WRITTEN: dict[str, tuple[str, ...]] = {
    "demo": ("catalog.parquet", "queries.parquet", "images/"),
    "clean": ("cleaned.parquet", "rejected.parquet"),
    "resize": ("processed_data.", "rejected.csv", "rejected_images.csv"),
    "model": MODEL_FILES,
    "train": (
        *("ruCLIP_model_", "ruclip/", "resume.pth", "state.json", "metrics.jsonl"),
        *("config.json", "bpe.model", "wandb/", "validation_"),
    ),
    "queries": ("queries.parquet",),
    "measure": ("measurement.json", "listings.parquet", "unseen_"),
    "evaluate": ("evaluation.json", "listings.parquet", "unseen_", "contact_sheet.png", "wandb/"),
    "promote": (),
    "embed": ("embeddings.",),
    "index": (),
    "changes": ("changes.parquet", "keys/"),
    "classify": ("predictions.", "classification.json"),
    "duplicates": ("pairs.parquet", "groups.parquet", "duplicates.html"),
    "health": ("health.parquet", "samples.json", "images/part-"),
    "report": ("report.html", "contact_sheet.png", "ui_artifacts.json"),
    MODELS: MODEL_FILES,
    IMAGES: ("",),  # named as the catalogue's ids are
}
SCRIPTS_STORE = ".vitrina"  # beside the outputs of the three scripts

Name = tuple[str, str]  # stage and key


@dataclass(frozen=True)
class Item:
    """A folder that the store has named: its artifact if it is complete, and why it is needed."""

    name: Name
    path: UPath
    usage: Usage
    manifest: Manifest | None = None
    needed: str = ""  # empty: it can be removed

    @property
    def label(self) -> str:
        """``stage/key``."""
        return "/".join(self.name)

    @property
    def is_table(self) -> bool:
        """Whether it is a LanceDB table."""
        return self.name[1].endswith(TABLE)


def check_store(root: UPath) -> None:
    """Raise UserError unless a folder holds a store of this version's layout."""
    check_folder(root)
    check_layout(root)
    if is_file(root / LAYOUT_FILE) or root.name == SCRIPTS_STORE:
        return
    hint = f" Give {root / SCRIPTS_STORE}." if exists(root / SCRIPTS_STORE) else ""
    raise UserError(f"{root} holds no store of Vitrina, so nothing in it is removed.{hint}")


def inventory(root: UPath, keep_days: float) -> list[Item]:
    """All artifacts, promoted models and folders of resized images, with why each is needed.

    What was written within ``keep_days`` days counts as needed. Raises UserError if the history of
    models cannot be read.
    """
    store = Store(root=str(root))
    items = {item.name: item for item in _items(store)}
    reasons = {
        **_recent(items.values(), keep_days),
        **_promoted(root, items),
        **_latest(store, items),
    }
    waiting = [name for name in reasons if name[0] != MODELS]  # these outlive what they are from
    while waiting:
        name = waiting.pop()
        for referred in _references(items, name):
            if referred not in reasons:
                reasons[referred] = f"used by {'/'.join(name)}"
                waiting.append(referred)
    reasons |= {name: why for name, why in _measurements(items, reasons) if name not in reasons}
    return [replace(item, needed=reasons.get(name, "")) for name, item in items.items()]


def _items(store: Store) -> Iterator[Item]:
    for stage in WRITTEN:
        for key in subfolders(store.path / stage):
            if KEY.fullmatch(key):
                path = store.path / stage / key
                manifest = None if stage == IMAGES else Artifact(path).manifest()
                yield Item((stage, key), path, Usage.of(path), manifest)


def _recent(items: Iterable[Item], keep_days: float) -> dict[Name, str]:
    since = time.time() - keep_days * 86_400
    return {item.name: _recent_reason(item) for item in items if item.usage.written > since}


def _recent_reason(item: Item) -> str:
    is_complete = item.manifest is not None or item.name[0] == IMAGES or item.is_table
    return "recent" if is_complete else "unfinished, recent"


def _latest(store: Store, items: Iterable[Name]) -> dict[Name, str]:
    items = list(items)
    latest = {stage: store.latest_key(stage) for stage, _ in items}
    return {(stage, key): "latest" for stage, key in items if latest[stage] == key}


def _promoted(root: UPath, items: Iterable[Name]) -> dict[Name, str]:
    """The models that the history names, so that each can be made current again."""
    named = set()
    folder = root / MODELS / "history"
    for name, _ in listing(folder):
        if name.endswith(".json"):
            named.add(_fingerprint(folder / name))
    current = root / MODELS / "current"
    now = _fingerprint(current) if is_file(current) else None
    return {
        (stage, key): "current model" if key == now else "history of models"
        for stage, key in items
        if stage == MODELS and key in {*named, now}
    }


def _fingerprint(file: UPath) -> str:
    try:
        return str(json.loads(read_bytes(file))["fingerprint"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} cannot be read, so nothing is removed: {error}") from error


def _references(items: dict[Name, Item], name: Name) -> Iterator[Name]:
    """The folders of the store that an artifact's manifest names."""
    manifest = items[name].manifest
    if manifest is None:
        return
    for text in _texts([manifest.parameters, manifest.result]):
        for stage, key in REFERENCE.findall(text):
            if (stage, key) in items and (stage, key) != name:
                yield stage, key


def _measurements(items: dict[Name, Item], needed: Iterable[Name]) -> Iterator[tuple[Name, str]]:
    """Measurements of models and tables that needed artifacts name: the next run compares them."""
    manifests = [manifest for name in needed if (manifest := items[name].manifest)]
    known = {text for one in manifests for text in _texts([one.parameters, one.result])}
    for name, item in items.items():
        if name[0] == "measure" and item.manifest:
            inputs = item.manifest.parameters
            if {inputs.get("model"), inputs.get("table")} <= known:
                yield name, "of a needed model"


def _texts(value: object) -> Iterator[str]:
    """All strings in a nested value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def remove_item(store: Store, item: Item) -> list[str]:
    """Remove the folder of an item that is not needed; returns the files in it that stay.

    These are files that no stage has written. Nothing is removed if a run has meanwhile found the
    artifact and made it the latest one.
    """
    stage, key = item.name
    if store.latest_key(stage) == key:
        return []
    names = [file.name for file in stored_files(item.path)]
    own = [name for name in names if _is_own(name, item)]
    # First what says that it is there, so that none is ever half removed.
    if item.manifest:
        remove_files(item.path, ["manifest.json"])
    if item.is_table:
        remove_files(item.path, [name for name in names if name.startswith("_versions/")])
    remove_files(item.path, own)
    return [name for name in names if name not in own]


def _is_own(name: str, item: Item) -> bool:
    """Whether a stage has written this file into the folder of its artifact, or LanceDB."""
    if item.is_table:
        return True
    listed = item.manifest.files if item.manifest else ()
    # Temp files and the store of a child run, whose names begin with a dot, and manifests.
    return name in listed or name.startswith((*WRITTEN[item.name[0]], ".", "manifest.json"))


def remove_abandoned(items: Sequence[Item]) -> int:
    """Remove the temp files of killed writers from the folders that stay; their number."""
    for item in items:
        if item.usage.abandoned:
            remove_files(item.path, item.usage.abandoned)
    return sum(len(item.usage.abandoned) for item in items)
