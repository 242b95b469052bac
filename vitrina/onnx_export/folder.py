"""The folder of an exported model: its files, and what its manifest says."""

from pydantic import ValidationError
from upath import UPath

from vitrina.errors import UserError
from vitrina.results import OnnxResult
from vitrina.store.artifacts import MANIFEST, Artifact
from vitrina.store.files import is_temp_file, listing
from vitrina.store.paths import to_path

STAGE = "onnx"
TEXT, IMAGE, BPE = "text.onnx", "image.onnx", "bpe.model"
FILES = (TEXT, IMAGE, BPE)


def read_export(folder: str) -> OnnxResult:
    """What an export is. Raises UserError if there is none, or it is damaged."""
    manifest = Artifact(to_path(folder)).manifest()
    remedy = f"Export the model: vitrina export-onnx --onnx_path {folder}"
    if manifest is None or manifest.stage != STAGE:
        raise UserError(f"{folder} holds no exported model, or not all of its files. {remedy}")
    try:
        return OnnxResult.model_validate(manifest.result)
    except ValidationError as error:
        raise UserError(f"{folder} was exported by another version of Vitrina. {remedy}") from error


def check_target(folder: UPath) -> None:
    """Raise UserError if a folder holds anything but an export, which would be mixed up with it."""
    for name, _ in listing(folder):
        if name not in (*FILES, MANIFEST) and not is_temp_file(name):
            raise UserError(
                f"{folder} holds {name}, which no export wrote: give --onnx_path a folder of its "
                "own."
            )
    manifest = Artifact(folder).manifest()
    if manifest is not None and manifest.stage != STAGE:
        raise UserError(f"{folder} holds the stage {manifest.stage}: give --onnx_path another one.")
