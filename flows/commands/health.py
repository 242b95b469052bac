"""Look for listings of a finished run that look wrong, each with a score and a reason.

    python flows/health.py --output output
    python flows/health.py --output output --mismatch_z 4 --min_side 300

It opens the latest run in the output folder and writes health.parquet and samples to
<output>/health/latest.
"""

from flows.command import Command
from flows.run import Work, run_flow
from vitrina.catalog.row_keys import check_columns
from vitrina.config.health import CheckHealthConfig
from vitrina.reporting.sections import health_paths_section, health_section, show_sections
from vitrina.results import HealthResult
from vitrina.search.stored_run import find_run


def check(config: CheckHealthConfig) -> None:
    """Raise UserError unless the output holds a run, and its table the column that is named."""
    check_columns(find_run(config.output).table(), config.columns())


def load() -> Work[CheckHealthConfig, HealthResult]:
    """The flow."""
    from flows.health import check_health

    return check_health


def main(config: CheckHealthConfig) -> None:
    """Look at all listings, and show how many look wrong."""
    found = run_flow(load, config, check)
    show_sections(health_section(found), health_paths_section(found))


COMMAND = Command(CheckHealthConfig, __doc__, main)
