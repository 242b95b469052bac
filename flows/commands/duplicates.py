"""Find the listings of a finished run that are the same product with another title or image.

    python flows/duplicates.py --output output
    python flows/duplicates.py --output output --precision 0.99 --group_column article
    python flows/duplicates.py --output output --distinct_columns brend size

It opens the latest run in the output folder, writes pairs, groups and a gallery to
<output>/duplicates/latest, and shows how sure they are.
"""

from flows.command import Command
from flows.run import Work, run_flow
from vitrina.catalog.row_keys import check_columns
from vitrina.config.duplicates import FindDuplicatesConfig
from vitrina.reporting.sections import (
    duplicates_paths_section,
    duplicates_section,
    show_sections,
)
from vitrina.results import DuplicatesResult
from vitrina.search.stored_run import find_run


def check(config: FindDuplicatesConfig) -> None:
    """Raise UserError unless the output holds a run, and its table the columns that are named."""
    check_columns(find_run(config.output).table(), config.columns())


def load() -> Work[FindDuplicatesConfig, DuplicatesResult]:
    """The flow."""
    from flows.duplicates import find_duplicates

    return find_duplicates


def main(config: FindDuplicatesConfig) -> None:
    """Find the duplicates, and show how many there are."""
    found = run_flow(load, config, check)
    show_sections(duplicates_section(found), duplicates_paths_section(found))


COMMAND = Command(FindDuplicatesConfig, __doc__, main)
