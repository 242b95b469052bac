"""The folder of an exported model: its files, what its manifest says, and its encoder.

encoder = open_encoder("onnx")
encoder.texts(["жёлтая кружка"]) @ encoder.images(["photo.jpg"]).T
"""

from typing import TYPE_CHECKING

from pydantic import ValidationError
from upath import UPath

from vitrina.errors import UserError
from vitrina.results import OnnxResult
from vitrina.store.artifacts import MANIFEST, Artifact
from vitrina.store.cache import local_copy
from vitrina.store.files import is_temp_file, listing
from vitrina.store.paths import to_path

if TYPE_CHECKING:
    from vitrina.onnx_export.session import OnnxEncoder

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


def open_encoder(folder: str) -> "OnnxEncoder":
    """The encoder of an export, local or on S3; torch is not imported.

    Raises UserError if the export is not complete, or ONNX Runtime is not installed.
    """
    try:
        from vitrina.onnx_export.session import OnnxEncoder
    except ImportError as error:
        raise UserError(
            f"An exported model needs ONNX Runtime, which is not installed ({error}). Install it "
            "from the clone: pip install -c constraints.txt '.[onnx]'"
        ) from error
    exported = read_export(folder).exported
    return OnnxEncoder(local_copy(to_path(folder), FILES), exported)


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
