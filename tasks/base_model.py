"""Stage "model": the ruCLIP to fine-tune or to embed with, as a folder."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from upath import UPath

from tasks.orchestration.stage import StageTask
from vitrina.config.run_options import RefreshOption
from vitrina.config.text import BY_TITLE, TITLE_ONLY, ListingConfig
from vitrina.model.folder import SAVED_FILES, folder_fingerprint
from vitrina.model.source import (
    TINY,
    available_model,
    cache_folder,
    find_model,
    listing_texts,
    open_checkpoint,
)
from vitrina.results import ModelResult, TableRef
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.files import copy
from vitrina.store.fingerprint import file_fingerprint
from vitrina.store.paths import is_file, to_path
from vitrina.store.stage import Stage, StageOutcome

TINY_MODEL = Stage(
    "model", ModelResult, "vitrina.model.tiny:make_tiny", ("vitrina.model.source:listing_texts",)
)
CHECKPOINT_MODEL = Stage(
    "model", ModelResult, "vitrina.model.source:open_checkpoint", ("vitrina.model.save:put_model",)
)


@StageTask
def prepare_model(
    source: str,
    table: TableRef,
    store: Store,
    options: RefreshOption,
    listing: ListingConfig = BY_TITLE,
) -> StageOutcome[ModelResult]:
    """The base model as a folder; ``tiny`` is made of the table's texts."""
    if source != TINY:
        folder = find_model(source, cache_folder())
        return StageOutcome(ModelResult(folder=str(folder), fingerprint=folder_fingerprint(folder)))

    text = listing.text or TITLE_ONLY

    def make(artifact: Artifact) -> tuple[ModelResult, Iterable[str]]:
        from vitrina.model.tiny import make_tiny  # torch takes seconds to import

        with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch:
            make_tiny(listing_texts(to_path(table.path), text), Path(scratch))
            for name in SAVED_FILES:
                copy(UPath(scratch) / name, artifact.path / name)
            fingerprint = folder_fingerprint(UPath(scratch))  # the same on a disk and on S3
        return ModelResult(folder=str(artifact.path), fingerprint=fingerprint), SAVED_FILES

    inputs = {"source": source, "table": table.fingerprint, "text": text}
    return TINY_MODEL.find_or_make(store, inputs, make, refresh=options.refresh)


@StageTask
def prepare_checkpoint(
    checkpoint: str, base: str, store: Store, options: RefreshOption
) -> StageOutcome[ModelResult]:
    """A checkpoint as a folder; ``base`` is the model of one without its own configuration."""

    def make(artifact: Artifact) -> tuple[ModelResult, Iterable[str]]:
        from vitrina.model.save import put_model  # torch takes seconds to import

        model = open_checkpoint(checkpoint, base)
        put_model(model, model.clip.state_dict(), artifact.path)
        fingerprint = folder_fingerprint(artifact.path)
        return ModelResult(folder=str(artifact.path), fingerprint=fingerprint), SAVED_FILES

    # Of the base model only the configuration and the tokenizer are read.
    beside = [to_path(checkpoint).parent / "bpe.model"]
    if found := available_model(base, cache_folder()):
        beside += [found / "config.json", found / "bpe.model"]
    inputs = {
        "checkpoint": file_fingerprint(to_path(checkpoint)),
        "base": base,
        "beside": [file_fingerprint(file) for file in beside if is_file(file)],
    }
    return CHECKPOINT_MODEL.find_or_make(store, inputs, make, refresh=options.refresh)
