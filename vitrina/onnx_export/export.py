"""Export the model of a run, and compare it with that model before anything is published."""

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from upath import UPath

from vitrina.config.onnx import ExportOnnxConfig
from vitrina.images.load import ResizeMode
from vitrina.onnx_export.folder import BPE, FILES, STAGE, check_target
from vitrina.results import OnnxModel, OnnxResult, VectorOrigin
from vitrina.search.stored_run import StoredRun, find_run
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.files import copy
from vitrina.store.paths import to_path
from vitrina.store.stage import Stage, StageOutcome

if TYPE_CHECKING:
    from vitrina.model.model import RuCLIP

logger = logging.getLogger(__name__)

EXPORT = Stage(STAGE, OnnxResult, "vitrina.onnx_export.export:export_model")
BATCH = 32


def export_onnx(config: ExportOnnxConfig) -> StageOutcome[OnnxResult]:
    """Export the model of the latest run; found, if it was exported into this folder before.

    Raises UserError if the run is incomplete, the folder holds other files, or the export does not
    encode as the model does.
    """
    run = find_run(config.output)
    store = Store(root=str(to_path(config.onnx_path)), keyed=False)
    check_target(store.path)
    origin = run.result.origin
    inputs = {"model": origin.model, "templates": origin.templates, "rows": config.check_rows}
    return EXPORT.find_or_make(
        store, inputs, lambda artifact: export_model(run, artifact, config.check_rows)
    )


def export_model(
    run: StoredRun, artifact: Artifact, check_rows: int
) -> tuple[OnnxResult, tuple[str, ...]]:
    """Write a run's model as ONNX files; returns the result and the names of the files.

    They are written to a scratch folder, compared on rows of the run, and only then put in place.
    """
    # torch takes seconds to import, and a stored export is found without it
    import torch

    from vitrina.embedding.embedder import Embedder
    from vitrina.model.model import load_folder
    from vitrina.model.source import local_model
    from vitrina.onnx_export.compare import check, compare, sample_rows
    from vitrina.onnx_export.session import OnnxEncoder
    from vitrina.onnx_export.towers import write_towers

    rows = sample_rows(run, check_rows)
    model = load_folder(local_model(str(run.model())))
    with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch:
        folder = Path(scratch)
        logger.info("onnx: exporting both towers")
        write_towers(model, folder)
        copy(UPath(model.tokenizer_path), UPath(folder / BPE))
        exported = describe(model, run.result.origin)
        encoder = OnnxEncoder(folder, exported)
        reference = Embedder(model, torch.device("cpu"), BATCH, exported.templates, "float32")
        listing = run.result.origin.listing.model_copy(update={"several_images": "first"})
        compared = compare(encoder, reference, rows, listing)
        check(compared)
        for name in FILES:
            copy(UPath(folder / name), artifact.path / name)
    return OnnxResult(folder=str(artifact.path), exported=exported, compared=compared), FILES


def describe(model: "RuCLIP", origin: VectorOrigin) -> OnnxModel:
    """What encoding as the model does takes."""
    return OnnxModel(
        model=origin.model,
        templates=origin.templates,
        context_length=model.context_length,
        resolution=model.resolution,
        resize_mode=cast(ResizeMode, model.resize_mode),
        mean=model.mean,
        std=model.std,
        embed_dim=model.embed_dim,
    )
