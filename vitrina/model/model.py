"""Load and save ruCLIP: the package's own model, with its tokenizer and configuration.

A ruCLIP folder holds ``config.json``, ``bpe.model`` and the weights, see
:mod:`vitrina.model.folder`. Models are loaded onto the CPU, in float32 and in evaluation mode.
"""

import dataclasses
import functools
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from upath import UPath

from vitrina.config.text import TITLE_ONLY, check_template
from vitrina.errors import UserError
from vitrina.model import state_dict as weights
from vitrina.model.folder import FILES, PYTORCH, SAFETENSORS, missing_files, opened_files
from vitrina.model.tokenize import Tokenizer
from vitrina.model.torchvision_shim import declare_missing_operators
from vitrina.store.files import atomic_write

declare_missing_operators()

# oneDNN caches the code it compiles for the last 1,024 shapes of a product, some 0.2 MB each, and
# texts come in that many shapes. With 128, embedding 200,000 rows is as fast and takes 160 MB less
# memory. oneDNN reads the variable once, at the first product.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")

import ruclip as ruclip  # noqa: E402 - importing it needs the operators declared above

ARCHITECTURE = (
    "embed_dim",
    "image_resolution",
    "vision_layers",
    "vision_width",
    "vision_patch_size",
    "context_length",
    "vocab_size",
    "transformer_width",
    "transformer_heads",
    "transformer_layers",
)
RESIZE_MODES = ("shortest", "longest", "squash")
# Values of the key ``fit``, which ``resize_mode`` has replaced.
OLD_FIT_MODES = {"crop": "shortest", "pad": "longest"}
# ruclip.RuCLIPProcessor's defaults, for a config.json without them.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class RuCLIP:
    """A model with its tokenizer's file and the content of its config.json."""

    clip: ruclip.CLIP
    tokenizer_path: Path
    config: dict[str, Any]

    @property
    def resolution(self) -> int:
        """Side of the square input image, in pixels."""
        return int(self.config["image_resolution"])

    @property
    def context_length(self) -> int:
        """Maximum number of tokens of a text, bos and eos included."""
        return int(self.config["context_length"])

    @property
    def embed_dim(self) -> int:
        """Number of values in an embedding."""
        return int(self.config["embed_dim"])

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of each color channel, for values in 0..1."""
        return tuple(self.config.get("mean") or MEAN)

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation of each color channel, for values in 0..1."""
        return tuple(self.config.get("std") or STD)

    @property
    def resize_mode(self) -> str:
        """How an image is made square, one of RESIZE_MODES; by default as ruclip does."""
        return str(self.config.get("resize_mode", "shortest"))

    @property
    def text(self) -> str:
        """The template of a listing's text that the model was trained with; by default its title.

        See :class:`vitrina.catalog.text_template.TextTemplate`.
        """
        return str(self.config.get("text", TITLE_ONLY))

    @functools.cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer, picklable."""
        return Tokenizer(self.tokenizer_path, self.context_length)

    def processor(self) -> ruclip.RuCLIPProcessor:
        """The package's own tokenizer and image transform for this model."""
        return ruclip.RuCLIPProcessor(
            str(self.tokenizer_path),
            image_size=self.resolution,
            text_seq_length=self.context_length,
            mean=list(self.mean),
            std=list(self.std),
        )

    def with_clip(self, clip: ruclip.CLIP) -> "RuCLIP":
        """A copy with the same tokenizer and configuration around another model."""
        return dataclasses.replace(self, clip=clip)


def build(config: Mapping[str, Any]) -> ruclip.CLIP:
    """A ruCLIP of this architecture with random weights from torch's global generator."""
    return ruclip.CLIP(**{name: config[name] for name in ARCHITECTURE}).eval()


def load_folder(folder: Path) -> RuCLIP:
    """Load a ruCLIP folder.

    Raises UserError if a file is missing or damaged, or if the three are not of one model.
    """
    missing = missing_files(UPath(folder))
    if missing:
        raise UserError(
            f"{folder} is no ruCLIP folder: {missing[0]} is missing (expected {', '.join(FILES)})."
        )
    path = folder / opened_files(UPath(folder))[-1]
    weights.check_of_one_model(folder / SAFETENSORS, folder / PYTORCH)
    config = _read_config(folder / "config.json")
    state = weights.as_state_dict(weights.read(path), path)
    return _assemble(state, path, folder / "bpe.model", config, folder / "config.json")


def load_checkpoint(path: Path, base: RuCLIP | None) -> RuCLIP:
    """Load a ``.pth``: one that carries its ``config``, as Vitrina writes it, or any other.

    The other kind is a dict with ``model_state_dict``, or a bare state dict, of ``base``'s
    architecture; it gets ``base``'s tokenizer and configuration. Raises UserError if the file is
    damaged, has another architecture or lacks what it needs.
    """
    content = weights.read(path)
    state = weights.as_state_dict(content, path)
    if isinstance(content.get("config"), dict):
        config = _checked_config(content["config"], path)
        tokenizer = path.with_name("bpe.model")
        if not tokenizer.is_file():
            raise UserError(f"{path} needs its tokenizer: bpe.model is missing in its folder.")
        return _assemble(state, path, tokenizer, config, f"the config in {path.name}")
    if base is None:
        raise UserError(
            f"{path} does not carry its configuration: give the model that it was fine-tuned from."
        )
    owner = base.tokenizer_path.parent
    return _assemble(state, path, base.tokenizer_path, base.config, owner)


def save_folder(
    model: RuCLIP, folder: Path, state_dict: Mapping[str, Tensor] | None = None
) -> None:
    """Write a ruCLIP folder that the package can load, with SAVED_FILES.

    Equal models give equal bytes.

    ``state_dict``, if given, is saved instead of the weights of ``model.clip``.
    """
    given = model.clip.state_dict() if state_dict is None else state_dict
    state = weights.independent(given)
    size = sum(tensor.nbytes for tensor in state.values())
    with atomic_write(UPath(folder / "config.json")) as temp_file:
        temp_file.write_text(
            json.dumps(model.config, indent=2, ensure_ascii=False), encoding="utf-8"
        )
    with atomic_write(UPath(folder / "bpe.model")) as temp_file:
        shutil.copyfile(model.tokenizer_path, temp_file)
    with (
        atomic_write(UPath(folder / PYTORCH), size) as temp_file,
        temp_file.open("wb") as file,
    ):
        # Given a path, torch would write the temporary file's random name into the archive.
        torch.save(state, file)
    with atomic_write(UPath(folder / SAFETENSORS), size) as temp_file:
        weights.write_safetensors(state, temp_file, same_as=folder / PYTORCH)


def _assemble(
    state: Mapping[str, Tensor],
    path: Path,
    tokenizer_path: Path,
    config: dict[str, Any],
    owner: object,
) -> RuCLIP:
    """The model of the state dict in ``path``; errors call the config's source ``owner``."""
    with torch.device("meta"):  # neither time nor random numbers for weights that are replaced
        clip = build(config)
    shapes = {name: tuple(tensor.shape) for name, tensor in clip.state_dict().items()}
    weights.check(state, shapes, path, owner)
    _check_tokenizer(tokenizer_path, config)
    copied = {name: tensor.to(torch.float32, copy=True) for name, tensor in state.items()}
    weights.check_finite(copied, path)
    clip.load_state_dict(copied, assign=True)
    mask = clip.build_attention_mask()  # neither parameter nor buffer: in no state dict
    for block in clip.transformer.resblocks:
        block.attn_mask = mask
    return RuCLIP(clip, tokenizer_path, config)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise UserError(f"{path} is no ruCLIP configuration: expected a JSON object.")
    return _checked_config(config, path)


def _checked_config(config: dict[str, Any], path: Path) -> dict[str, Any]:
    """The configuration itself; UserError, naming ``path``, if it cannot be used."""
    for name in ARCHITECTURE:
        value = config.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            found = f"{value!r}" if name in config else "nothing"
            raise UserError(
                f"{path} is no ruCLIP configuration: expected a positive integer {name!r}, "
                f"found {found}."
            )
    for name in ("mean", "std"):
        value = config.get(name)
        if value and (not isinstance(value, list | tuple) or len(value) != 3):
            raise UserError(f"{path}: {name!r} must be three numbers, found {value!r}.")
    if "fit" in config:
        raise UserError(_replaced_key(config["fit"], path))
    if config.get("resize_mode", "shortest") not in RESIZE_MODES:
        raise UserError(
            f"{path}: 'resize_mode' must be one of {', '.join(RESIZE_MODES)}, "
            f"found {config['resize_mode']!r}."
        )
    try:
        check_template(str(config.get("text", TITLE_ONLY)))
    except ValueError as error:
        raise UserError(f"{path}: 'text' is {config['text']!r}: {error}.") from error
    return config


def _replaced_key(fit: object, path: Path) -> str:
    mode = OLD_FIT_MODES.get(str(fit), fit)
    where = "" if path.suffix == ".json" else " in its 'config', and save it again with torch.save"
    return (
        f"{path} was written by an older Vitrina: its key 'fit' is now 'resize_mode', with the "
        f"values shortest (was crop), longest (was pad) and squash.\n"
        f"Replace 'fit': {fit!r} with 'resize_mode': {mode!r}{where}."
    )


def _check_tokenizer(path: Path, config: Mapping[str, Any]) -> None:
    """Raise UserError unless the file is a youtokentome model that the configuration fits.

    youtokentome itself loads any file. Its text format is a line with the numbers of characters and
    of merges, a line for each of them, and a line with the four special ids.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        characters, merges = map(int, lines[0].split())
    except (ValueError, IndexError) as error:
        raise UserError(f"{path} is no youtokentome BPE model.") from error
    if len(lines) != characters + merges + 2:
        raise UserError(f"{path} is damaged: {len(lines)} lines, not {characters + merges + 2}.")
    size = characters + merges + 4
    if size > config["vocab_size"]:
        raise UserError(
            f"{path} does not belong to this model: it has {size} tokens, the model has "
            f"{config['vocab_size']}."
        )
