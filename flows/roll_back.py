"""Make an earlier model the current one again.

    python flows/roll_back.py --output output             the model before the current one
    python flows/roll_back.py --output output --list      only list the promotions and roll-backs
    python flows/roll_back.py --output output --to KEY    the model of this fingerprint, or base

The next run of the pipeline embeds with it. No model is removed, so each can be made current again.
"""

import logging

from prefect import flow

from flows.cli import parse, run
from vitrina.config.maintenance import RollBackConfig
from vitrina.promotion import history as promotion
from vitrina.promotion.history import BASE, History, Record, read_history
from vitrina.results import ModelResult
from vitrina.store.artifacts import Store, check_layout
from vitrina.store.paths import check_folder, to_path

logger = logging.getLogger("flows.roll_back")  # run as a script, __name__ is "__main__"


@flow(name="roll-back")
def roll_back(config: RollBackConfig) -> ModelResult | None:
    """Change which model embeds from the next run on; returns it, or None for the base model."""
    store = checked_store(config)
    if not config.list:
        promotion.roll_back(store, config.to)
    for line in history_lines(read_history(store)):
        logger.info(line)
    return promotion.current_model(store)


def checked_store(config: RollBackConfig) -> Store:
    """The pipeline's store, unchanged. Raises UserError if there is none, or of another layout."""
    check_folder(to_path(config.output))
    check_layout(to_path(config.output))
    return Store(root=config.output)


def check(config: RollBackConfig) -> None:
    """Raise UserError if the model cannot be made current, before anything is changed."""
    store = checked_store(config)
    if not config.list:
        promotion.changes_to(store, read_history(store), config.to)


def show_history(config: RollBackConfig) -> None:
    """Print the history; no Prefect server needs to start for this."""
    print("\n".join(history_lines(read_history(checked_store(config)))))


def history_lines(history: History) -> list[str]:
    """One line per change, and a last one that names the current model."""
    current = history.current.fingerprint if history.current else f"the {BASE} model"
    return [*map(_line, history.records), f"current: {current}"]


def _line(record: Record) -> str:
    time = f"{record.time:%Y-%m-%d %H:%M} UTC"
    return f"{record.number:>4}  {time}  {record.action:<9}  {record.fingerprint}  {record.reason}"


if __name__ == "__main__":
    config = parse(RollBackConfig, __doc__)
    run(show_history if config.list else roll_back, config, check)
