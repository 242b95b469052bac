"""TODO."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from upath import UPath

from tasks.orchestration.stage import retried
from vitrina.model.folder import FILES, folder_fingerprint
from vitrina.model.source import TINY, _at_hand, cache_folder, find_model, open_checkpoint, texts
from vitrina.results import ModelResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.files import copy
from vitrina.store.fingerprint import file_fingerprint
from vitrina.store.paths import is_file, location
from vitrina.store.stage import Stage

STAGE = Stage("model", ModelResult, __name__)


@retried
def prepare_model(
    source: str, table: str, table_fingerprint: str, store: Store, refresh: bool = False
) -> ModelResult:
    """The model to start from, as a folder; ``tiny`` is made of the table's own texts."""
    if source != TINY:
        folder = find_model(source, cache_folder())
        return ModelResult(folder=str(folder), fingerprint=folder_fingerprint(folder))

    def make(artifact: Artifact) -> tuple[ModelResult, Iterable[str]]:
        from vitrina.model.tiny import make_tiny  # torch costs seconds

        with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch:
            make_tiny(texts(location(table)), Path(scratch))
            for name in FILES:
                copy(UPath(scratch) / name, artifact.path / name)
            made = folder_fingerprint(UPath(scratch))
        return ModelResult(folder=str(artifact.path), fingerprint=made), FILES

    return STAGE.run(store, {"source": source, "table": table_fingerprint}, make, refresh=refresh)


@retried
def prepare_checkpoint(
    checkpoint: str, base: str, store: Store, refresh: bool = False
) -> ModelResult:
    """A checkpoint as a ruCLIP folder."""

    def make(artifact: Artifact) -> tuple[ModelResult, Iterable[str]]:
        # torch costs seconds; help and wrong arguments answer without it
        from vitrina.model.save import put_model

        model = open_checkpoint(checkpoint, base)
        put_model(model, model.clip.state_dict(), artifact.path)
        made = folder_fingerprint(artifact.path)
        return ModelResult(folder=str(artifact.path), fingerprint=made), FILES

    # Of the base only the configuration and the tokenizer go into it, if at all.
    beside = [location(checkpoint).parent / "bpe.model"]
    if found := _at_hand(base, cache_folder()):
        beside += [found / "config.json", found / "bpe.model"]
    inputs = {
        "checkpoint": file_fingerprint(location(checkpoint)),
        "base": base,
        "beside": [file_fingerprint(file) for file in beside if is_file(file)],
    }
    return STAGE.run(store, inputs, make, refresh=refresh)
