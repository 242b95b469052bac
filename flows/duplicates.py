"""Find the listings of a finished run that are the same product with another title or image.

    python flows/duplicates.py --output output
    python flows/duplicates.py --output output --precision 0.99 --group_column article
    python flows/duplicates.py --output output --distinct_columns brend size

It opens the latest run in the output folder, writes pairs, groups and a gallery to
<output>/duplicates/latest, and prints how sure they are.
"""

from prefect import flow

from flows.cli import parse, run
from tasks.duplicates import duplicates
from vitrina.catalog.row_keys import check_columns
from vitrina.config.duplicates import DuplicatesConfig, FindDuplicatesConfig
from vitrina.config.run_options import RefreshOption
from vitrina.evaluation.stored import latest_split
from vitrina.reporting.sections import duplicates_section, show_sections
from vitrina.results import DuplicatesResult
from vitrina.search.stored_run import find_run


@flow(name="duplicates")
def find_duplicates(config: FindDuplicatesConfig) -> DuplicatesResult:
    """Find the duplicates among the listings of the latest run."""
    found = find_run(config.output)
    split = latest_split(found.store)
    options = config.part(RefreshOption)
    return duplicates(found.result, found.store, config.part(DuplicatesConfig), split, options)


def check(config: FindDuplicatesConfig) -> None:
    """Raise UserError unless the output holds a run with the columns that are named."""
    check_columns(find_run(config.output).table(), config.columns())


if __name__ == "__main__":
    result = run(find_duplicates, parse(FindDuplicatesConfig, __doc__), check)
    show_sections(duplicates_section(result))
