"""Put the model before the present one back, or an earlier one; the next run embeds with it.

    python flows/roll_back.py --output output             the model before the present one
    python flows/roll_back.py --output output --list      which models were present, and when
    python flows/roll_back.py --output output --to KEY    a certain one, or base

No model is removed: one that was put away can be put back.
"""

import logging

from prefect import flow

from flows.cli import parse, run
from vitrina.config import RollBackConfig
from vitrina.promotion import history as promotions
from vitrina.promotion.history import BASE, History, Record, read_history
from vitrina.results import ModelResult
from vitrina.store.artifacts import Store
from vitrina.store.paths import check_folder, location

logger = logging.getLogger("tasks.roll_back")


@flow(name="roll-back")
def roll_back(config: RollBackConfig) -> ModelResult | None:
    """Change which model embeds from the next run on; its place, None for the base model."""
    store = Store(root=config.output)
    if not config.list:
        promotions.roll_back(store, config.to)
    for line in history_lines(read_history(store)):
        logger.info(line)
    return promotions.current(store)


def check(config: RollBackConfig) -> None:
    """Refuse what cannot be gone back to, before anything is changed."""
    check_folder(location(config.output))
    store = Store(root=config.output)
    if not config.list:
        promotions.way_to(store, read_history(store), config.to)


def show_history(config: RollBackConfig) -> None:
    """Print what happened to the present model; for this no Prefect server needs to start."""
    print("\n".join(history_lines(read_history(Store(root=config.output)))))


def history_lines(history: History) -> list[str]:
    """A line for each change, and one that names the present model."""
    present = history.present.fingerprint if history.present else f"the {BASE} model"
    return [*map(_line, history.records), f"present: {present}"]


def _line(record: Record) -> str:
    time = f"{record.time:%Y-%m-%d %H:%M} UTC"
    return f"{record.number:>4}  {time}  {record.action:<9}  {record.fingerprint}  {record.reason}"


if __name__ == "__main__":
    config = parse(RollBackConfig, __doc__)
    run(show_history if config.list else roll_back, config, check)
