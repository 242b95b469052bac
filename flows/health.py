"""The flow that looks for listings of a finished run that look wrong."""

if __name__ == "__main__":  # first, for help and refusals need nothing of what is imported below
    from flows.main import script

    script("flows.commands.health")
    raise SystemExit

from prefect import flow

from tasks.health import health
from tasks.orchestration.run_name import run_name
from vitrina.config.health import CheckHealthConfig, HealthConfig
from vitrina.config.run_options import RefreshOption
from vitrina.duplicates.stored import latest_duplicates
from vitrina.evaluation.stored import latest_split
from vitrina.results import HealthResult
from vitrina.search.stored_run import find_run


@flow(name="health", flow_run_name=run_name)
def check_health(config: CheckHealthConfig) -> HealthResult:
    """Look for listings of the latest run that look wrong; duplicates are those found last."""
    run = find_run(config.output)
    return health(
        run.result,
        latest_duplicates(run.store, run.embedding),
        run.store,
        config.part(HealthConfig),
        latest_split(run.store),
        config.part(RefreshOption),
    )
