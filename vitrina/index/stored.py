"""The finished index in a store, and which run it is of."""

import logging
from typing import Any, NamedTuple

from pydantic import ValidationError
from upath import UPath

from vitrina.config.evaluation import MeasureConfig
from vitrina.config.index import IndexConfig
from vitrina.index.lance import SUFFIX
from vitrina.index.stored_vectors import vector_form
from vitrina.results import EmbedResult, IndexResult, TableRef
from vitrina.store.artifacts import Store
from vitrina.store.code_version import code_version
from vitrina.store.fingerprint import fingerprint

logger = logging.getLogger(__name__)

STAGE = "index"
CODE = "vitrina.index.build:build_index"
ROWS_CODE = "vitrina.index.rows:product_vectors"


class StoredIndex(NamedTuple):
    """A finished index: its key, and what the manifest says of it."""

    key: str
    result: IndexResult
    checksums: dict[str, int]  # of the arrays of the run that it is of


def index_inputs(
    table: TableRef, embedded: EmbedResult, config: IndexConfig, measuring: MeasureConfig
) -> dict[str, Any]:
    """Everything besides code that decides an index, as JSON values."""
    return {
        "table": table.fingerprint,
        "table_path": table.path,
        "checksums": embedded.checksums,
        "origin": embedded.origin.model_dump(mode="json"),
        "parameters": config.content(),
        "split": measuring.split.model_dump(),
    }


def table_path(store: Store, embedded: EmbedResult, config: IndexConfig) -> UPath:
    """The LanceDB table for vectors of this origin, stored in this way.

    Those of another model, or of another length, precision or code, are in another table.
    """
    origin = embedded.origin.model_dump(mode="json", exclude={"model_folder"})
    version = code_version(ROWS_CODE)
    form = vector_form(config, embedded.embed_dim)
    name = fingerprint(
        origin, embedded.embed_dim, config.columns, version, [*form, config.code_bits]
    )
    return store.path / STAGE / f"{name}{SUFFIX}"


def latest_index(store: Store) -> StoredIndex | None:
    """The index that ``index/latest`` points to; None if there is none of this version."""
    artifact = store.latest(STAGE)
    manifest = artifact.manifest() if artifact else None
    if manifest is None:
        return None
    try:
        result = IndexResult.model_validate(manifest.result)
    except ValidationError:
        logger.warning("index: another version has written %s: not used", manifest.made_in)
        return None
    table = store.path / STAGE / result.table.rsplit("/", 1)[-1]  # the store may have been moved
    checksums: dict[str, int] = manifest.parameters["checksums"]
    return StoredIndex(manifest.key, result.model_copy(update={"table": str(table)}), checksums)


def indexed_run(store: Store, embedded: EmbedResult) -> StoredIndex | None:
    """The latest index, if it is of the vectors of this run."""
    index = latest_index(store)
    return index if index and index.checksums == embedded.checksums else None
