"""The duplicates that were found last in a run."""

from vitrina.embedding.stored import Embedding
from vitrina.results import DuplicatesResult
from vitrina.store.artifacts import Store

STAGE = "duplicates"
PAIRS, GROUPS, GALLERY = "pairs.parquet", "groups.parquet", "duplicates.html"


def latest_duplicates(store: Store, run: Embedding) -> DuplicatesResult | None:
    """The latest duplicates, if they were found among this run's listings and vectors."""
    latest = store.latest(STAGE)
    manifest = latest.manifest() if latest else None
    if latest is None or manifest is None:
        return None
    found = manifest.parameters
    if found["table"] != run.manifest.parameters["table"]:
        return None
    if found["vectors"] != run.manifest.result["checksums"]:
        return None
    result = DuplicatesResult.model_validate(manifest.result)
    names = {"pairs": PAIRS, "groups": GROUPS, "gallery": GALLERY}
    # The store may have been moved.
    return result.model_copy(
        update={field: str(latest.path / name) for field, name in names.items()}
    )
