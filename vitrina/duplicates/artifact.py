"""The duplicates of a run as files: pairs, groups and a gallery."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from upath import UPath

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.catalog.chosen_rows import chosen_rows
from vitrina.catalog.ids import read_ids
from vitrina.catalog.processed_table import IMAGE_PATH, NM, TITLE
from vitrina.config.duplicates import DuplicatesConfig
from vitrina.config.training import SplitConfig
from vitrina.duplicates.files import Members, write_groups, write_pairs
from vitrina.duplicates.find import Duplicates, find_duplicates
from vitrina.duplicates.gallery import gallery, least_sure_groups
from vitrina.duplicates.known import Kind
from vitrina.duplicates.stored import GALLERY, GROUPS, PAIRS
from vitrina.duplicates.summary import duplicate_rows
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.results import DuplicatesResult
from vitrina.store.artifacts import Artifact
from vitrina.store.files import write_bytes

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DuplicatesRequest:
    """A processed table, its vectors in an NPZ, the products held out, and what is wanted.

    ``locate`` gives the place of an image for its path in the table, which may be an old one.
    """

    table: UPath
    npz: Path
    split: SplitConfig
    config: DuplicatesConfig
    locate: Callable[[str], str] = str


def write_duplicates(
    request: DuplicatesRequest, artifact: Artifact, progress: OnProgress = no_progress
) -> tuple[DuplicatesResult, list[str]]:
    """Find the duplicates and write their files; returns the result and the files' names.

    Raises UserError for a column that the table does not have.
    """
    with flat_memory():
        found = find_duplicates(request.table, request.npz, request.split, request.config, progress)
        ids = read_ids(request.table)
        write_pairs(artifact.path / PAIRS, found.pairs, ids)
        write_groups(artifact.path / GROUPS, found.members, ids)
        result = _result(found, request.config, artifact.path)
        page = _page(request, found.members, result)
    write_bytes(artifact.path / GALLERY, page.encode())
    logger.info("duplicates: %d groups with %d listings", result.groups_found, result.listings)
    return result, [PAIRS, GROUPS, GALLERY]


def _result(found: Duplicates, config: DuplicatesConfig, folder: UPath) -> DuplicatesResult:
    judgement = found.judgement
    counts = np.bincount(found.pairs.kind, minlength=len(Kind)).tolist()
    return DuplicatesResult(
        pairs=str(folder / PAIRS),
        groups=str(folder / GROUPS),
        gallery=str(folder / GALLERY),
        group_column=config.group_column,
        pairs_by_kind={kind.name.lower(): counts[kind] for kind in Kind},
        groups_found=len(np.unique(found.members.group)),
        listings=len(found.members.row),
        sharing=judgement.sharing,
        similar=judgement.similar,
        recall=judgement.recall,
    )


def _page(request: DuplicatesRequest, members: Members, result: DuplicatesResult) -> str:
    groups = least_sure_groups(members, request.config.gallery_groups)
    rows = members.row[np.concatenate([np.zeros(0, np.int64), *groups])]
    listings = chosen_rows(request.table, rows.tolist(), (NM, TITLE, IMAGE_PATH))
    listings[IMAGE_PATH] = listings[IMAGE_PATH].map(request.locate)
    return gallery(members, groups, listings, duplicate_rows(result))
