"""ruCLIP folders and checkpoints: what loads, what is saved, and how the rest is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.tiny_model import TITLES, contents, same_weights
from vitrina.errors import UserError
from vitrina.model.folder import PYTORCH, SAFETENSORS
from vitrina.model.model import RuCLIP, build, load_checkpoint, load_folder, ruclip, save_folder
from vitrina.model.tiny import TINY


def test_a_folder_of_ours_opens_with_the_package(folder: Path, tmp_path: Path) -> None:
    """What save_folder writes, ruclip's own from_pretrained reads: same weights, same answers."""
    model = load_folder(folder)
    save_folder(model, tmp_path / "saved")
    theirs = ruclip.CLIP.from_pretrained(str(tmp_path / "saved")).eval()
    processor = ruclip.RuCLIPProcessor.from_pretrained(str(tmp_path / "saved"))
    assert same_weights(theirs, model.clip)
    inputs = processor(text=TITLES)
    assert inputs["input_ids"].tolist() == model.processor()(text=TITLES)["input_ids"].tolist()
    with torch.no_grad():
        pixels = torch.rand(2, 3, model.resolution, model.resolution)
        expected, found = (
            theirs(inputs["input_ids"], pixels),
            model.clip(inputs["input_ids"], pixels),
        )
    assert torch.equal(expected[0], found[0])


def test_a_folder_of_the_package_opens_with_ours(tmp_path: Path, folder: Path) -> None:
    """Weights saved by hand from a ruclip.CLIP load, in float32 and evaluation mode."""
    config = {**load_folder(folder).config, "mean": [0.5, 0.5, 0.5]}
    clip = ruclip.CLIP(**{name: config[name] for name in TINY})
    (tmp_path / "config.json").write_text(json.dumps(config))
    shutil.copyfile(folder / "bpe.model", tmp_path / "bpe.model")
    torch.save(clip.state_dict(), tmp_path / "pytorch_model.bin")
    model = load_folder(tmp_path)
    assert same_weights(model.clip, clip)
    assert not model.clip.training
    assert all(parameter.requires_grad for parameter in model.clip.parameters())
    assert (model.resolution, model.context_length, model.embed_dim) == (48, 77, 64)
    assert (model.mean, model.resize_mode) == ((0.5, 0.5, 0.5), "shortest")


def test_half_precision_weights_become_float32(damaged: Path) -> None:
    """A folder saved in float16 computes in float32."""
    path = damaged / "pytorch_model.bin"
    halved = {name: tensor.half() for name, tensor in torch.load(path).items()}
    torch.save(halved, path)
    assert {tensor.dtype for tensor in load_folder(damaged).clip.state_dict().values()} == {
        torch.float32
    }


def test_other_weights_and_unknown_settings_are_saved(folder: Path, tmp_path: Path) -> None:
    """A state dict given beside the model is what is saved, and config.json keeps every key."""
    model = load_folder(folder)
    changed = RuCLIP(
        model.clip, model.tokenizer_path, {**model.config, "resize_mode": "longest", "note": "й"}
    )
    state = {name: tensor + 1 for name, tensor in model.clip.state_dict().items()}
    save_folder(changed, tmp_path / "saved", state)
    again = load_folder(tmp_path / "saved")
    assert again.config == changed.config
    assert again.resize_mode == "longest"
    assert torch.equal(again.clip.logit_scale, model.clip.logit_scale + 1)


def test_loading_leaves_the_random_generator_alone(folder: Path) -> None:
    """What is drawn after loading does not depend on what was loaded."""
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_folder(folder)
    assert torch.equal(torch.rand(3), expected)


def test_a_model_survives_a_save_onto_itself(folder: Path, tmp_path: Path) -> None:
    """Saving into the folder that a model was loaded from keeps it intact."""
    shutil.copytree(folder, tmp_path / "copy")
    save_folder(load_folder(tmp_path / "copy"), tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(folder)


def test_safetensors_hold_the_same_weights_and_are_enough(folder: Path, tmp_path: Path) -> None:
    """Other programs open them by the same names; without pytorch_model.bin we open them too."""
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / PYTORCH).unlink()
    state = torch.load(folder / PYTORCH, weights_only=True)
    opened = load_file(folder / SAFETENSORS)
    assert opened.keys() == state.keys()
    assert all(torch.equal(opened[name], state[name]) for name in state)
    assert same_weights(load_folder(tmp_path / "copy").clip, load_folder(folder).clip)


def test_weights_that_were_replaced_beside_the_others_are_refused(
    folder: Path, tmp_path: Path
) -> None:
    """New weights in pytorch_model.bin, old ones in model.safetensors: which are meant?"""
    copied = tmp_path / "copy"
    shutil.copytree(folder, copied)
    state = torch.load(folder / PYTORCH, weights_only=True)
    torch.save({name: tensor + 1 for name, tensor in state.items()}, copied / PYTORCH)
    with pytest.raises(UserError, match=r"safetensors and pytorch_model\.bin .* different weights"):
        load_folder(copied)
    (copied / SAFETENSORS).unlink()
    scale = load_folder(copied).clip.logit_scale
    assert torch.equal(scale, state["logit_scale"] + 1)
    save_file({name: tensor + 2 for name, tensor in state.items()}, copied / SAFETENSORS)
    assert torch.equal(load_folder(copied).clip.logit_scale, state["logit_scale"] + 2)


def test_tensors_that_share_memory_are_saved_apart(folder: Path, tmp_path: Path) -> None:
    """Tied, sliced and transposed weights, which safetensors refuses."""
    model = load_folder(folder)
    state = dict(model.clip.state_dict())
    large = torch.rand(2, *state["visual.proj"].shape)
    state["visual.proj"] = large[1]
    state["text_projection"] = state["text_projection"].T.contiguous().T
    state["ln_final.bias"] = state["ln_final.weight"]
    save_folder(model, tmp_path / "saved", state)
    loaded = load_folder(tmp_path / "saved").clip.state_dict()
    assert all(torch.equal(loaded[name], state[name]) for name in state)
    assert (tmp_path / "saved" / SAFETENSORS).stat().st_size < 1.02 * sum(
        tensor.nbytes for tensor in state.values()
    )


def _without(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def _with(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def _cut(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-100])


def _config(**changes: object) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def _weights(content: object) -> Callable[[Path], object]:
    return lambda folder: torch.save(content, folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_without("config.json"), r"config\.json is missing"),
        (_without("bpe.model"), r"bpe\.model is missing"),
        (_without("pytorch_model.bin"), r"pytorch_model\.bin is missing"),
        (_with("config.json", b"{broken"), "is not JSON"),
        (_with("config.json", b"[]"), "expected a JSON object"),
        (_with("config.json", b'{"model_type": "bert"}'), "'embed_dim', found nothing"),
        (_config(vision_layers="12"), "'vision_layers', found '12'"),
        (_config(mean=[0.5]), "'mean' must be three numbers"),
        (_config(resize_mode="stretch"), "'resize_mode' must be one of shortest, longest, squash"),
        (_config(embed_dim=32), "text_projection is 128×64, expected 128×32, 1 more"),
        (_config(vision_layers=5), r"resblocks\.4\.\S+ is missing.*\n.*vision 4 × 64"),
        (_cut("bpe.model"), r"bpe\.model is damaged"),
        (_with("bpe.model", b"\x00\xff"), "no youtokentome BPE"),
        (_with("bpe.model", b""), "no youtokentome BPE"),
        (_with("bpe.model", b"0 9000\n" + b"1 2 3\n" * 9000 + b"1 0 2 3"), "9004 tokens"),
        (_with("pytorch_model.bin", b"weights"), r"pytorch_model\.bin"),
        (_with("pytorch_model.bin", b""), r"pytorch_model\.bin"),
        (_cut("pytorch_model.bin"), "cut short"),
        (_weights({"encoder.weight": torch.zeros(2)}), "holds no ruCLIP"),
        (_weights([1, 2]), "holds no weights"),
        (_weights({}), "holds no weights"),
    ],
)
def test_what_does_not_load_is_explained(
    damaged: Path, damage: Callable[[Path], object], said: str
) -> None:
    """Everything that can be wrong with a folder is a UserError that names it, in two lines."""
    damage(damaged)
    with pytest.raises(UserError, match=said) as raised:
        load_folder(damaged)
    assert str(damaged) in str(raised.value)
    assert len(str(raised.value).splitlines()) <= 2


def test_our_checkpoint_needs_nothing_else(folder: Path, tmp_path: Path) -> None:
    """A .pth with its config, and its tokenizer beside it, is a complete model."""
    model = load_folder(folder)
    shutil.copyfile(folder / "bpe.model", tmp_path / "bpe.model")
    path = tmp_path / "ruCLIP_model_epoch1.pth"
    content = {"epoch": 1, "model_state_dict": model.clip.state_dict(), "config": model.config}
    torch.save(content, path)
    loaded = load_checkpoint(path, None)
    assert same_weights(loaded.clip, model.clip)
    assert loaded.config == model.config
    assert loaded.tokenizer_path == tmp_path / "bpe.model"
    (tmp_path / "bpe.model").unlink()
    with pytest.raises(UserError, match=r"bpe\.model is missing"):
        load_checkpoint(path, None)


@pytest.mark.parametrize("wrapped", [True, False], ids=["dict", "bare"])
@pytest.mark.parametrize("prefix", ["", "module."], ids=["plain", "distributed"])
def test_a_checkpoint_without_configuration_takes_the_base_models(
    folder: Path, tmp_path: Path, wrapped: bool, prefix: str
) -> None:
    """A state dict, alone or under model_state_dict, from one or many GPUs, loads over the base."""
    base = load_folder(folder)
    tuned = build(base.config)
    state = {prefix + name: tensor for name, tensor in tuned.state_dict().items()}
    optimizer = torch.optim.AdamW(tuned.parameters(), lr=1e-6)
    seeds = {"epoch": 1, "model_state_dict": state, "optimizer_state_dict": optimizer.state_dict()}
    path = tmp_path / "ruCLIP_model_epoch1.pth"
    torch.save(seeds if wrapped else state, path)
    loaded = load_checkpoint(path, base)
    assert same_weights(loaded.clip, tuned)
    assert loaded.tokenizer_path == base.tokenizer_path
    with pytest.raises(UserError, match="does not carry its configuration"):
        load_checkpoint(path, None)


def test_a_checkpoint_of_another_architecture_is_refused(folder: Path, tmp_path: Path) -> None:
    """The error names both models, a tensor, and both architectures."""
    base = load_folder(folder)
    other = build({**base.config, "vision_layers": 3, "embed_dim": 32})
    torch.save({"model_state_dict": other.state_dict()}, tmp_path / "other.pth")
    with pytest.raises(UserError) as raised:
        load_checkpoint(tmp_path / "other.pth", base)
    message = str(raised.value)
    for part in ("other.pth", str(folder), "128×64", "128×32", "vision 3 ×", "vision 4 ×"):
        assert part in message
    assert len(message.splitlines()) == 2


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    """A wrong path is a UserError."""
    with pytest.raises(UserError, match=r"nowhere\.pth does not exist"):
        load_checkpoint(tmp_path / "nowhere.pth", None)


@pytest.mark.parametrize(
    ("fit", "mode"), [("crop", "shortest"), ("pad", "longest"), ("squash", "squash")]
)
def test_a_configuration_of_an_older_vitrina_is_refused(damaged: Path, fit: str, mode: str) -> None:
    """Its images would be prepared in another way; the error says what to write instead."""
    _config(fit=fit)(damaged)
    replacement = f"config.json .*'fit'.*\nReplace 'fit': '{fit}' with 'resize_mode': '{mode}'"
    with pytest.raises(UserError, match=replacement):
        load_folder(damaged)
    _config(resize_mode=mode)(damaged)
    with pytest.raises(UserError, match=replacement):
        load_folder(damaged)
    config = json.loads((damaged / "config.json").read_text())
    del config["fit"]
    (damaged / "config.json").write_text(json.dumps(config))
    assert load_folder(damaged).resize_mode == mode


def test_a_checkpoint_of_an_older_vitrina_is_refused(folder: Path, tmp_path: Path) -> None:
    """Its configuration is inside the file, so it must be saved again."""
    model = load_folder(folder)
    shutil.copyfile(folder / "bpe.model", tmp_path / "bpe.model")
    path = tmp_path / "ruCLIP_model_epoch1.pth"
    config = {**model.config, "fit": "pad"}
    torch.save({"model_state_dict": model.clip.state_dict(), "config": config}, path)
    with pytest.raises(UserError, match=r"'resize_mode': 'longest' in its 'config'.*torch\.save"):
        load_checkpoint(path, None)


def test_what_config_json_does_not_say_is_as_in_the_package(folder: Path) -> None:
    """Mean, standard deviation and the way to a square are ruclip's own by default."""
    model = load_folder(folder)
    processor = ruclip.RuCLIPProcessor(str(model.tokenizer_path))
    assert not {"mean", "std", "resize_mode"} & model.config.keys()
    assert (list(model.mean), list(model.std)) == (processor.mean, processor.std)
    assert model.resize_mode == "shortest"
