"""The flow that finds the duplicates among the listings of a finished run."""

if __name__ == "__main__":  # first, for help and refusals need nothing of what is imported below
    from flows.main import script

    script("flows.commands.duplicates")
    raise SystemExit

from prefect import flow

from tasks.duplicates import duplicates
from tasks.orchestration.run_name import run_name
from vitrina.config.duplicates import DuplicatesConfig, FindDuplicatesConfig
from vitrina.config.run_options import RefreshOption
from vitrina.evaluation.stored import latest_split
from vitrina.results import DuplicatesResult
from vitrina.search.stored_run import find_run


@flow(name="duplicates", flow_run_name=run_name)
def find_duplicates(config: FindDuplicatesConfig) -> DuplicatesResult:
    """Find the duplicates among the listings of the latest run."""
    run = find_run(config.output)
    options = config.part(RefreshOption)
    parameters = config.part(DuplicatesConfig)
    return duplicates(run.result, run.store, parameters, latest_split(run.store), options)
