"""The flow that makes an earlier model the current one again."""

if __name__ == "__main__":  # first, for help and refusals need nothing of what is imported below
    from flows.main import script

    script("flows.commands.roll_back")
    raise SystemExit

import logging

from prefect import flow

from flows.commands.roll_back import checked_store, history_lines
from tasks.orchestration.run_name import run_name
from vitrina.config.maintenance import RollBackConfig
from vitrina.promotion import history as promotion
from vitrina.promotion.history import read_history
from vitrina.results import ModelResult

logger = logging.getLogger(__name__)


@flow(name="roll-back", flow_run_name=run_name)
def roll_back(config: RollBackConfig) -> ModelResult | None:
    """Change which model embeds from the next run on; returns it, or None for the base model."""
    store = checked_store(config)
    if not config.list:
        promotion.roll_back(store, config.to)
    for line in history_lines(read_history(store)):
        logger.info(line)
    return promotion.current_model(store)
