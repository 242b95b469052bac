"""Predict the classes of the listings that have none, such as a missing category.

    python flows/classify.py --output output --column category
    python flows/classify.py --output output --column brend --features text --labelled

It trains on the listings of the latest run that have a class, writes predictions with calibrated
probabilities to <output>/classify/latest, and shows how good they are on held-out products.
"""

from flows.command import Command
from flows.run import Work, run_flow
from vitrina.catalog.row_keys import check_columns
from vitrina.config.classification import ClassifyConfig
from vitrina.reporting.sections import classification_sections, show_sections
from vitrina.results import ClassifyResult
from vitrina.search.stored_run import find_run


def check(config: ClassifyConfig) -> None:
    """Raise UserError unless the output holds a run, and its table the column."""
    check_columns(find_run(config.output).table(), [config.column])


def load() -> Work[ClassifyConfig, ClassifyResult]:
    """The flow."""
    from flows.classify import classify

    return classify


def main(config: ClassifyConfig) -> None:
    """Predict, and show how good the predictions are."""
    show_sections(*classification_sections(run_flow(load, config, check)))


COMMAND = Command(ClassifyConfig, __doc__, main)
