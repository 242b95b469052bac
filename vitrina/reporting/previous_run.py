"""The run before: what the report of an output's last other run says of it."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from vitrina.results import PipelineResult
from vitrina.store.artifacts import Manifest, Store

logger = logging.getLogger(__name__)

STAGE = "report"


@dataclass(frozen=True)
class PreviousRun:
    """A finished run of the same output, whose results belong together."""

    key: str  # of its report
    created: datetime
    result: PipelineResult
    parameters: dict[str, Any]  # that differed from their defaults


def previous_key(store: Store, run: str) -> str:
    """The key of the report of the run before the run with this fingerprint; empty if none was.

    If the last report is of this very run, the one before that is meant.
    """
    latest = store.latest(STAGE)
    manifest = latest.manifest() if latest else None
    if manifest is None:
        return ""
    is_same = manifest.parameters.get("run") == run
    return str(manifest.parameters.get("previous", "")) if is_same else manifest.key


def read_previous(store: Store, key: str) -> PreviousRun | None:
    """The run of a report; None if there is none, or another version has written it."""
    manifest = store.artifact(STAGE, key).manifest() if key else None
    if manifest is None:
        return None
    try:
        return _read(manifest)
    except ValidationError:
        logger.warning("report: another version has written the report %s: not compared", key)
        return None


def _read(manifest: Manifest) -> PreviousRun:
    parameters = manifest.parameters.get("parameters") or {}
    result = PipelineResult.model_validate(manifest.result)
    return PreviousRun(manifest.key, manifest.created, result, parameters)
