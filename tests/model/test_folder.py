"""The three files of a ruCLIP folder."""

from pathlib import Path

import pytest
from upath import UPath

from vitrina.errors import UserError
from vitrina.model.folder import FILES, folder_fingerprint, missing_files
from vitrina.store.files import copy


def test_the_fingerprint_is_of_the_content(place: UPath, folder: Path) -> None:
    """Equal files have one fingerprint wherever in a place they lie; a changed one another."""
    for name in FILES:
        copy(UPath(folder / name), place / "a" / name)
        copy(UPath(folder / name), place / "b" / name)
    first = folder_fingerprint(place / "a")
    assert folder_fingerprint(place / "b") == first
    config = (place / "b" / "config.json").read_text()
    (place / "b" / "config.json").write_text(config.replace("64", "65"))
    assert folder_fingerprint(place / "b") != first


def test_missing_files_are_named(place: UPath, folder: Path) -> None:
    """Whatever else the folder holds; without all three there is no fingerprint."""
    assert missing_files(place) == list(FILES)
    copy(UPath(folder / "bpe.model"), place / "bpe.model")
    copy(UPath(folder / "bpe.model"), place / "README.md")
    assert missing_files(place) == ["config.json", "pytorch_model.bin"]
    with pytest.raises(UserError, match=r"config\.json does not exist"):
        folder_fingerprint(place)
