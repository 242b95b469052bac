"""Weights files: read without running code, and compared with an architecture."""

from pathlib import Path

import pytest
import torch

from vitrina.errors import UserError
from vitrina.model.model import RuCLIP, load_folder
from vitrina.model.state_dict import as_state_dict, check, describe, read


def test_code_in_a_weights_file_is_not_run(damaged: Path) -> None:
    """A pickle that would run a command on loading is refused."""

    class Attack:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (damaged / "owned",))

    torch.save({"visual.proj": Attack()}, damaged / "pytorch_model.bin")
    with pytest.raises(UserError, match="run code"):
        load_folder(damaged)
    assert not (damaged / "owned").exists()


def test_a_checkpoint_and_a_bare_state_dict_are_the_same_weights(tmp_path: Path) -> None:
    """With or without the prefix that DistributedDataParallel adds."""
    state = {"visual.proj": torch.ones(2)}
    wrapped = {"model_state_dict": {f"module.{name}": value for name, value in state.items()}}
    for content in (state, wrapped):
        torch.save(content, tmp_path / "a.pth")
        found = as_state_dict(read(tmp_path / "a.pth"), tmp_path / "a.pth")
        assert list(found) == ["visual.proj"]
        assert torch.equal(found["visual.proj"], state["visual.proj"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1], "found a list"),
        ({}, "found a dict with nothing"),
        ({"model_state_dict": None}, "found a NoneType"),
    ],
)
def test_what_holds_no_weights_is_named(content: object, said: str) -> None:
    """The error says what the file holds instead."""
    with pytest.raises(UserError, match=rf"a\.pth holds no weights.*{said}"):
        as_state_dict(content, Path("a.pth"))


def test_a_folder_is_no_weights_file(tmp_path: Path) -> None:
    """A folder is told apart from a file that is missing."""
    with pytest.raises(UserError, match="is a folder, not a weights file"):
        read(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        read(tmp_path / "a.pth")


def test_weights_of_the_architecture_pass_and_others_are_described(model: RuCLIP) -> None:
    """The error names the first tensor that differs, and says how many more do."""
    state = dict(model.clip.state_dict())
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    check(state, shapes, Path("a.pth"), "the base")
    state["extra"] = state.pop("visual.proj")
    with pytest.raises(UserError, match=r"visual\.proj is missing, expected 64×64, 1 more differ"):
        check(state, shapes, Path("a.pth"), "the base")
    with pytest.raises(UserError, match="expected tensors like"):
        check({**state, "epoch": 3}, shapes, Path("a.pth"), "the base")  # type: ignore[dict-item]  # on purpose


def test_an_architecture_is_described_by_its_shapes(model: RuCLIP) -> None:
    """The numbers are those of the configuration."""
    shapes = {name: tuple(tensor.shape) for name, tensor in model.clip.state_dict().items()}
    assert describe(shapes) == (
        "embed_dim 64, 48 px, vision 4 × 64 / patch 8, text 2 × 128, "
        f"vocab {model.config['vocab_size']}"
    )
