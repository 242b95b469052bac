"""The small model for demos and tests."""

from pathlib import Path

import pytest
import torch

from tests.support.tiny_model import TEXTS, contents
from vitrina.errors import UserError
from vitrina.model.model import RuCLIP, load_folder
from vitrina.model.tiny import make_tiny


def test_tiny_is_the_same_for_the_same_texts(folder: Path, tmp_path: Path) -> None:
    """Equal texts and seed give equal bytes, and the global random generator is left alone."""
    torch.manual_seed(9)
    expected = torch.rand(3)
    torch.manual_seed(9)
    make_tiny(TEXTS, tmp_path / "again")
    assert torch.equal(torch.rand(3), expected)
    assert contents(tmp_path / "again") == contents(folder)
    make_tiny(TEXTS, tmp_path / "other", seed=1)
    assert (
        contents(tmp_path / "other")["pytorch_model.bin"] != contents(folder)["pytorch_model.bin"]
    )


@pytest.mark.parametrize(
    "words",
    [["а"], ["", "x", " "], ["кружка"] * 500, [chr(0x4E00 + i) for i in range(3000)], ["😀\nб\tв"]],
    ids=["letter", "blanks", "one word", "many characters", "newlines"],
)
def test_tiny_can_be_made_of_any_text(words: list[str], tmp_path: Path) -> None:
    """From one letter to thousands of characters, the model's vocabulary is its tokenizer's."""
    make_tiny(words, tmp_path)
    model = load_folder(tmp_path)
    assert model.config["vocab_size"] == model.tokenizer.bpe.vocab_size()
    ids = model.processor()(text=[word for word in words[:3] if word.strip()])["input_ids"]
    assert not (ids == 1).any(), "its own texts hold no unknown token"


def test_tiny_of_no_text_is_refused(tmp_path: Path) -> None:
    """A catalogue of blanks is a UserError."""
    with pytest.raises(UserError, match="no text"):
        make_tiny(["", "  "], tmp_path)


def test_positions_of_a_new_model_are_all_different(model: RuCLIP) -> None:
    """Each patch can be told from every other by its position; the class token has none."""
    positions = model.clip.visual.positional_embedding
    assert not positions[0].any()
    distances = torch.cdist(positions[1:], positions[1:])
    assert distances.fill_diagonal_(1).min() > 0.1
