"""The three files of a ruCLIP folder."""

from pathlib import Path

import pytest
from upath import UPath

from vitrina.errors import UserError
from vitrina.model.folder import (
    CARD,
    FILES,
    PYTORCH,
    SAFETENSORS,
    SAVED_FILES,
    folder_fingerprint,
    listing_text,
    missing_files,
    model_files,
    opened_files,
    stored_embed_dim,
)
from vitrina.store.files import copy, write_bytes, write_json
from vitrina.store.fingerprint import file_fingerprint, fingerprint
from vitrina.store.paths import to_path


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


def test_a_folder_without_safetensors_keeps_its_fingerprint(place: UPath, folder: Path) -> None:
    """It is of the three files that are opened: those of ruclip, or safetensors for its weights."""
    for name in FILES:
        copy(UPath(folder / name), place / name)
    old = folder_fingerprint(place)
    assert old == fingerprint(*(file_fingerprint(place / name) for name in FILES))
    assert opened_files(place) == FILES
    copy(UPath(folder / SAFETENSORS), place / SAFETENSORS)
    assert opened_files(place) == (*FILES[:2], SAFETENSORS)
    both = folder_fingerprint(place)
    assert both != old
    (place / PYTORCH).unlink()
    assert folder_fingerprint(place) == both
    assert not missing_files(place)


def test_all_files_of_a_model_are_listed(place: UPath, folder: Path) -> None:
    """Both forms of the weights and the card, for a copy; nothing else that lies there."""
    for name in SAVED_FILES:
        copy(UPath(folder / name), place / name)
    write_bytes(place / "notes.txt", b"mine")
    assert set(model_files(place)) == set(SAVED_FILES)
    write_bytes(place / CARD, b"# A model")
    assert set(model_files(place)) == {*SAVED_FILES, CARD}


def test_a_listings_text_is_the_models_own_unless_another_is_given(
    place: UPath, caplog: pytest.LogCaptureFixture
) -> None:
    """Another one wins and is told; a model that was not trained with any says nothing."""
    write_json(place / "config.json", {"embed_dim": 64})
    assert listing_text("", place) == "{title}"
    assert listing_text("{brend}", place) == "{brend}"
    write_json(place / "config.json", {"text": "{title}. {brend}"})
    assert listing_text("", place) == listing_text("{title}. {brend}", place) == "{title}. {brend}"
    assert "trained with" not in caplog.text
    assert listing_text("{title}", place) == "{title}"
    assert "'{title}' as given; the model was trained with '{title}. {brend}'" in caplog.text


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (b'{"embed_dim": 64}', 64),
        (b'{"embed_dim": "64"}', None),
        (b"{}", None),
        (b"not JSON", None),
    ],
)
def test_the_size_of_vectors_is_read_from_the_config(
    tmp_path: Path, config: bytes, expected: int | None
) -> None:
    """None where it is not there; whoever loads the model says what is wrong with it."""
    (tmp_path / "config.json").write_bytes(config)
    assert stored_embed_dim(to_path(tmp_path)) == expected
