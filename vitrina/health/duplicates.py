"""Listings that are duplicates of others, as the stage before has found them."""

import numpy as np
import pyarrow.parquet as pq

from vitrina.health.problems import Findings, Problem
from vitrina.health.reasons import Reason, Sentence
from vitrina.results import DuplicatesResult
from vitrina.store.files import local_read
from vitrina.store.paths import to_path

SENTENCES = {
    "copy": Sentence.COPY,
    "title": Sentence.SAME_TITLE,
    "image": Sentence.SAME_IMAGE,
    "similar": Sentence.SAME_PRODUCT,
}


def find_duplicates(duplicates: DuplicatesResult) -> Findings:
    """The listings of groups but for their representatives, which are the ``other`` ones."""
    columns = ["row", "group", "is_representative", "kind", "cosine"]
    with local_read(to_path(duplicates.groups)) as local:
        groups = pq.read_table(local, columns=columns).to_pandas()
    representative = groups.loc[groups["is_representative"]].set_index("group")["row"]
    found = groups.loc[~groups["is_representative"]]
    reasons = [
        Reason.of(SENTENCES[kind], cosine=f"{cosine:.2f}")
        for kind, cosine in zip(found["kind"], found["cosine"], strict=True)
    ]
    return Findings.of(
        Problem.DUPLICATE,
        found["row"].to_numpy(np.int64),
        found["cosine"].to_numpy(np.float32),
        reasons,
        representative.loc[found["group"]].to_numpy(np.int64),
    )
