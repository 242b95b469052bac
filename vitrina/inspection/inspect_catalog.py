"""Look at a catalogue and its images: columns, rows that would be kept, where images are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import pyarrow as pa

from vitrina.catalog.cleaner import CatalogCleaner
from vitrina.catalog.columns import find_columns
from vitrina.catalog.processed_table import TITLE
from vitrina.catalog.source.batch import WiderTypesNeededError
from vitrina.catalog.source.parts import catalog_paths
from vitrina.config.catalog import CleanConfig
from vitrina.config.inspection import InspectConfig
from vitrina.errors import UserError
from vitrina.inspection.columns import Column, sample_columns
from vitrina.inspection.image_finding import ImageFinding, find_images
from vitrina.inspection.roles import Roles, guess_roles
from vitrina.inspection.sample import CatalogSample, take_sample


@dataclass(frozen=True)
class Inspection:
    """What a sample of a catalogue shows, and where its images are."""

    name: str
    read_as: str  # format, encoding and the like
    rows: int  # that were looked at
    columns: Sequence[Column]
    roles: Roles
    clean: CleanConfig  # that finds the columns of the roles
    rows_kept: int  # that have an id and the required texts
    reasons: Mapping[str, int]  # for which the others would be rejected
    images: ImageFinding | None
    example: str  # an image of the folder, whether or not those of the rows were found


def inspect_catalog(config: InspectConfig) -> Inspection:
    """Look at some rows of a catalogue, and at the names of its images.

    Raises UserError if it cannot be read as a table, or if no column looks like ids or titles.
    """
    clean = CleanConfig(
        catalog_encoding=config.catalog_encoding, catalog_delimiter=config.catalog_delimiter
    )
    sample = take_sample(catalog_paths(config.catalog), clean, config.rows)
    columns = sample_columns(sample)
    roles = guess_roles(columns)
    clean = _with_columns(clean, roles, sample)
    cleaned, reasons = _cleaned(sample, clean)
    clean_rows = cache(lambda image_column: _cleaned(sample, clean, image_column)[0])
    images, example = find_images(columns, clean_rows, config.catalog, config.images)
    return Inspection(
        name=sample.source.name,
        read_as=sample.source.describe(),
        rows=sample.rows,
        columns=columns,
        roles=roles,
        clean=clean,
        rows_kept=cleaned.num_rows,
        reasons=reasons,
        images=images,
        example=example,
    )


def _with_columns(clean: CleanConfig, roles: Roles, sample: CatalogSample) -> CleanConfig:
    """The parameters that name the columns of the roles; without a description none is required."""
    for role, name in (("ids", roles.nm), ("titles", roles.title)):
        if name is None:
            raise UserError(
                f"{sample.source.name}: no column looks like {role}; it has: "
                f"{', '.join(map(repr, sample.source.schema.names))}. Name one nm or title."
            )
    named = {"nm_column": roles.nm, "title_column": roles.title}
    if roles.description is None:
        return clean.model_copy(update={**named, "required": (TITLE,)})
    return clean.model_copy(update={**named, "description_column": roles.description})


def _cleaned(
    sample: CatalogSample, clean: CleanConfig, image_column: str = ""
) -> tuple[pa.Table, dict[str, int]]:
    """The rows of a sample that are kept, and how many are not for each reason."""
    try:
        return _clean_rows(sample, clean, image_column, sample.source.ids_by_digits)
    except WiderTypesNeededError:
        return _clean_rows(sample, clean, image_column, False)


def _clean_rows(
    sample: CatalogSample, clean: CleanConfig, image_column: str, ids_by_digits: bool
) -> tuple[pa.Table, dict[str, int]]:
    columns = find_columns(
        sample.source.schema,
        sample.source.name,
        clean,
        ids_by_digits=ids_by_digits,
        image_column=image_column,
    )
    cleaner = CatalogCleaner(columns, clean.required)
    kept = [cleaner.clean_batch(batch)[0] for batch in sample.batches]
    reasons = {reason.value: count for reason, count in cleaner.reasons.most_common()}
    return pa.Table.from_batches(kept, columns.cleaned_schema), reasons
