"""Find the duplicates among the listings of a table, given their vectors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from upath import UPath

from vitrina.catalog.row_keys import RowKeys, read_row_keys
from vitrina.config.duplicates import DuplicatesConfig
from vitrina.config.training import SplitConfig
from vitrina.duplicates.candidates import near_cosine, near_pairs
from vitrina.duplicates.files import Members, ReportedPairs
from vitrina.duplicates.groups import representatives
from vitrina.duplicates.judge import Evidence, Judgement, judge
from vitrina.duplicates.known import Kind, first_copies, sharing_pairs
from vitrina.duplicates.pairs import Pairs, Rows, pair_keys
from vitrina.duplicates.vectors import Vectors
from vitrina.embedding.vector_file import VectorFile
from vitrina.execution.progress import OnProgress, no_progress


@dataclass(frozen=True)
class Duplicates:
    """What was found: pairs, the nearest first, groups, and how the least cosines were chosen."""

    pairs: ReportedPairs
    members: Members
    judgement: Judgement


# Five parameters: the listings, their vectors, what is held out, what is wanted, and who watches.
def find_duplicates(
    table: UPath,
    npz: Path,
    split: SplitConfig,
    config: DuplicatesConfig,
    progress: OnProgress = no_progress,
) -> Duplicates:
    """Compare the listings of a processed table by their vectors, which are in its order.

    Raises UserError for a column that the table does not have.
    """
    keys = read_row_keys(table, config.columns())
    vectors = Vectors(VectorFile.open(npz), (1 - config.image_weight, config.image_weight))
    first_copy = first_copies(keys.products)
    rows = np.flatnonzero(first_copy == np.arange(len(keys)))
    floor = near_cosine(vectors, rows)
    near = near_pairs(vectors, rows, floor, config.exact_rows, progress)
    sharing = [_sharing(keys, vectors, rows, kind, config) for kind in (Kind.TITLE, Kind.IMAGE)]
    pairs = Pairs.joined([near, *(one[one.cosine >= floor] for one in sharing)])
    pairs = pairs[_may_be_equal(keys, pairs, config)]
    kinds = _kinds(pairs, *sharing)
    evidence = Evidence(
        pairs=pairs,
        kinds=kinds,
        product=keys.groups(),
        held_out=keys.parts(split) != "train",
        rows=rows,
        group=keys.columns[config.group_column] if config.group_column else None,
    )
    judgement = judge(evidence, floor, config)
    reported = _reported(evidence, judgement, vectors, first_copy)
    represented = representatives(pairs[judgement.duplicates], first_copy)
    return Duplicates(reported, _members(reported, represented, first_copy), judgement)


# Five parameters: whose titles or images, and what is wanted.
def _sharing(
    keys: RowKeys, vectors: Vectors, rows: Rows, kind: Kind, config: DuplicatesConfig
) -> Pairs:
    """The pairs with the same title or the same image, unless too many listings share it."""
    shared = keys.products[:, 0 if kind is Kind.TITLE else 1]
    one, other = sharing_pairs(shared, rows, config.max_shared)
    return Pairs.of(one, other, vectors.weighted(*vectors.cosines(one, other)))


def _may_be_equal(keys: RowKeys, pairs: Pairs, config: DuplicatesConfig) -> npt.NDArray[np.bool_]:
    """The pairs with equal or missing values in the columns in which duplicates never differ."""
    may_be = np.ones(len(pairs), np.bool_)
    for name in config.distinct_columns:
        one, other = (keys.columns[name][side] for side in (pairs.first, pairs.second))
        may_be &= (one == other) | (one == 0) | (other == 0)
    return may_be


def _kinds(pairs: Pairs, same_title: Pairs, same_image: Pairs) -> npt.NDArray[np.int8]:
    """What each pair shares, int8 (pairs,): Kind.TITLE, IMAGE or SIMILAR."""
    kinds = np.full(len(pairs), Kind.SIMILAR, np.int8)
    for kind, sharing in ((Kind.TITLE, same_title), (Kind.IMAGE, same_image)):
        kinds[np.isin(pairs.keys(), sharing.keys())] = kind
    return kinds


def _reported(
    evidence: Evidence, judgement: Judgement, vectors: Vectors, first_copy: Rows
) -> ReportedPairs:
    """The duplicates with all their cosines, and each copy with the first one of its kind."""
    copies = np.flatnonzero(first_copy != np.arange(len(first_copy)))
    pairs = evidence.pairs[judgement.duplicates]
    first = np.concatenate([first_copy[copies], pairs.first.astype(np.int64)])
    second = np.concatenate([copies, pairs.second.astype(np.int64)])
    text, image = vectors.cosines(first, second)
    of_copies = np.ones(len(copies), np.float32)
    kind = np.concatenate(
        [np.full(len(copies), Kind.COPY, np.int8), evidence.kinds[judgement.duplicates]]
    )
    cosine = np.concatenate([of_copies, pairs.cosine])
    score = np.concatenate([of_copies, judgement.scores[judgement.duplicates]])
    columns = ReportedPairs(first, second, kind, text, image, cosine, score)
    return columns[np.lexsort((second, first, -cosine))]


def _members(pairs: ReportedPairs, represented: Rows, first_copy: Rows) -> Members:
    """The listings whose group has more than one, the largest groups first."""
    size = np.bincount(represented, minlength=len(represented))
    rows = np.flatnonzero(size[represented] > 1)
    leader = represented[rows]
    # A copy is to the representative what the first copy is, or a copy of the representative.
    source = first_copy[rows]
    keys = pair_keys(pairs.first, pairs.second)
    by_key = np.argsort(keys)
    wanted = pair_keys(np.minimum(source, leader), np.maximum(source, leader))
    found = by_key[np.searchsorted(keys, wanted, sorter=by_key).clip(max=len(keys) - 1)]
    is_pair = source != leader
    kind = np.where(is_pair, pairs.kind[found], Kind.COPY).astype(np.int8)
    cosine = np.where(is_pair, pairs.cosine[found], 1).astype(np.float32)
    order = np.lexsort((rows, -cosine, rows != leader, leader, -size[leader]))
    starts = np.diff(leader[order], prepend=-1) != 0
    return Members(np.cumsum(starts) - 1, rows[order], leader[order], kind[order], cosine[order])
