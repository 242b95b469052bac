"""Listings that are duplicates of others, as the stage before has found them."""

import numpy as np
import pyarrow.parquet as pq

from vitrina.health.problems import Findings, Problem
from vitrina.results import DuplicatesResult
from vitrina.store.files import local_read
from vitrina.store.paths import to_path

REASONS = {
    "copy": "a copy of another listing",
    "title": "another listing with the same title",
    "image": "another listing with the same image",
    "similar": "the same product as another listing",
}


def find_duplicates(duplicates: DuplicatesResult) -> Findings:
    """The listings of groups but for their representatives, which are the ``other`` ones."""
    columns = ["row", "group", "is_representative", "kind", "cosine"]
    with local_read(to_path(duplicates.groups)) as local:
        groups = pq.read_table(local, columns=columns).to_pandas()
    representative = groups.loc[groups["is_representative"]].set_index("group")["row"]
    found = groups.loc[~groups["is_representative"]]
    reasons = [
        f"{REASONS[kind]}, cosine {cosine:.2f}"
        for kind, cosine in zip(found["kind"], found["cosine"], strict=True)
    ]
    return Findings.of(
        Problem.DUPLICATE,
        found["row"].to_numpy(np.int64),
        found["cosine"].to_numpy(np.float32),
        reasons,
        representative.loc[found["group"]].to_numpy(np.int64),
    )
