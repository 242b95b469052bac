"""Weights files: read without running code, and compared with an architecture."""

import copy
import logging
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from vitrina.errors import UserError
from vitrina.model.model import RuCLIP, load_checkpoint, load_folder
from vitrina.model.state_dict import as_state_dict, check, describe, read

PREFIXES = (
    "",
    "module.",
    "_orig_mod.",
    "module._orig_mod.",
    "_orig_mod.module.",
    "model.",
    "model._orig_mod.",
    "_forward_module.model.module.",
    "_fsdp_wrapped_module.",
)


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


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("container", ["", "model_state_dict", "state_dict", "model"])
def test_weights_are_opened_however_they_were_wrapped(
    container: str, prefix: str, model: RuCLIP, tmp_path: Path
) -> None:
    """torch.compile, DistributedDataParallel, FSDP, Lightning, open_clip and their combinations."""
    state = model.clip.state_dict()
    named = {f"{prefix}{name}": tensor for name, tensor in state.items()}
    torch.save({container: named, "epoch": 1} if container else named, tmp_path / "a.pth")
    opened = load_checkpoint(tmp_path / "a.pth", model).clip.state_dict()
    assert opened.keys() == state.keys()
    assert all(torch.equal(opened[name], state[name]) for name in state)


def test_a_tower_may_be_compiled_on_its_own(model: RuCLIP) -> None:
    """Then the prefix stands in the middle of the names."""
    compiled = copy.deepcopy(model.clip)
    compiled.visual = torch.compile(compiled.visual)
    assert "visual._orig_mod.proj" in compiled.state_dict()
    found = as_state_dict(compiled.state_dict(), Path("a.pth"))
    assert found.keys() == model.clip.state_dict().keys()


def test_tensors_beside_the_model_are_left_out(
    model: RuCLIP, caplog: pytest.LogCaptureFixture
) -> None:
    """A Lightning module holds losses and metrics too; the log says how many."""
    caplog.set_level(logging.INFO)
    state = {f"model.{name}": tensor for name, tensor in model.clip.state_dict().items()}
    state["loss.temperature"] = torch.ones(1)
    found = as_state_dict({"state_dict": state}, Path("a.pth"))
    assert found.keys() == model.clip.state_dict().keys()
    assert "a.pth: 1 tensors outside of model. are left out" in caplog.text


def test_of_two_models_none_is_guessed(model: RuCLIP) -> None:
    """A student and its teacher in one file are refused, and so are names that become equal."""
    state = model.clip.state_dict()
    both = {f"{who}.{name}": t for who in ("student", "teacher") for name, t in state.items()}
    with pytest.raises(UserError, match=r"several models \(student\., teacher\.\)"):
        as_state_dict(both, Path("a.pth"))
    twice = {f"{prefix}logit_scale": torch.ones(()) for prefix in ("", "module.")}
    with pytest.raises(UserError, match="several models"):
        as_state_dict(twice, Path("a.pth"))


@pytest.mark.parametrize("value", [np.float64(0.5), np.float32(1), np.arange(3), np.int64(2)])
def test_numpy_values_beside_the_weights_do_no_harm(value: object, tmp_path: Path) -> None:
    """A loss or a history that was saved as NumPy's is not built, and not refused either."""
    torch.save({"model_state_dict": {"visual.proj": torch.ones(2)}, "x": value}, tmp_path / "a.pth")
    content = read(tmp_path / "a.pth")
    assert list(as_state_dict(content, tmp_path / "a.pth")) == ["visual.proj"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_refused_by_name(
    value: float, model: RuCLIP, damaged: Path
) -> None:
    """In a checkpoint and in a folder: even one value would make every vector NaN."""
    state = {name: tensor.clone() for name, tensor in model.clip.state_dict().items()}
    state["ln_final.weight"][3] = value
    torch.save(state, damaged / "pytorch_model.bin")
    torch.save({"model_state_dict": state}, damaged / "a.pth")
    said = r"NaN or infinite: 1 of 128 values of ln_final\.weight\."
    with pytest.raises(UserError, match=f"pytorch_model.bin holds weights that are {said}"):
        load_folder(damaged)
    with pytest.raises(UserError, match=f"a.pth holds weights that are {said}"):
        load_checkpoint(damaged / "a.pth", model)


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
