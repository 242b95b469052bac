"""The flow that predicts the classes of the listings that have none."""

if __name__ == "__main__":  # first, for help and refusals need nothing of what is imported below
    from flows.main import script

    script("flows.commands.classify")
    raise SystemExit

from prefect import flow

from tasks.classify import classify as stage
from tasks.orchestration.run_name import run_name
from vitrina.config.classification import ClassifyConfig
from vitrina.evaluation.stored import latest_split
from vitrina.results import ClassifyResult
from vitrina.search.stored_run import find_run


@flow(name="classify", flow_run_name=run_name)
def classify(config: ClassifyConfig) -> ClassifyResult:
    """Train a classifier on a column of the latest run, and predict the rows without a class."""
    run = find_run(config.output)
    return stage(run.result, run.store, config, latest_split(run.store))
