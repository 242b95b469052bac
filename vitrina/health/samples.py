"""The listings of each problem that a report shows, with their images."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
from pydantic import Field
from upath import UPath

from vitrina.catalog.processed_table import IMAGE_PATH, NM, TITLE
from vitrina.config.parameters import Parameters
from vitrina.health.problems import Findings
from vitrina.search.gallery import thumbnail
from vitrina.store.files import read_bytes, write_json

READERS = 16  # images read at a time, which on S3 is waiting


class SampleListing(Parameters):
    """A listing as it is shown."""

    nm: str
    title: str
    image: str | None = Field(description="A data: URI; null if the image cannot be read.")


class Sample(Parameters):
    """A listing with a problem, and the one it is compared with, if it is."""

    problem: str
    reason: str = Field(description="An English sentence, with {names} of its values.")
    values: Mapping[str, str] = {}
    listing: SampleListing
    other: SampleListing | None = None


def shown_rows(findings: Sequence[Findings], count: int) -> list[int]:
    """The rows of the worst ``count`` listings of each problem, and of those beside them."""
    rows = {int(row) for found in findings for row in found.row[:count]}
    others = {int(row) for found in findings for row in found.other[:count] if row >= 0}
    return sorted(rows | others)


def make_samples(
    findings: Sequence[Findings],
    count: int,
    listings: pd.DataFrame,
    locate: Callable[[str], str] = str,
) -> list[Sample]:
    """The worst ``count`` listings of each problem; ``listings`` has their rows by number."""
    with ThreadPoolExecutor(READERS) as pool:
        paths = [locate(str(path)) for path in listings[IMAGE_PATH]]
        images = dict(zip(listings.index, pool.map(thumbnail, paths), strict=True))

    def shown(row: int) -> SampleListing:
        listing = listings.loc[row]
        return SampleListing(nm=str(listing[NM]), title=str(listing[TITLE]), image=images[row])

    return [
        Sample(
            problem=found.problem,
            reason=found.reason[one].sentence,
            values=found.reason[one].values,
            listing=shown(int(found.row[one])),
            other=shown(int(found.other[one])) if found.other[one] >= 0 else None,
        )
        for found in findings
        for one in range(min(count, len(found)))
    ]


def write_samples(path: UPath, samples: Sequence[Sample]) -> None:
    """Write the samples as JSON."""
    write_json(path, [sample.model_dump(mode="json") for sample in samples])


def read_samples(path: UPath) -> list[Sample]:
    """Read them again."""
    return [Sample.model_validate(one) for one in json.loads(read_bytes(path))]
