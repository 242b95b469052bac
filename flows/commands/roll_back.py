"""Make an earlier model the current one again.

    python flows/roll_back.py --output output             the model before the current one
    python flows/roll_back.py --output output --list      only list the promotions and roll-backs
    python flows/roll_back.py --output output --to KEY    the model of this fingerprint, or base

The next run of the pipeline embeds with it. No model is removed, so each can be made current again.
"""

from flows.command import Command
from flows.run import Work, run, run_flow
from vitrina.config.maintenance import RollBackConfig
from vitrina.promotion import history as promotion
from vitrina.promotion.history import BASE, History, Record, read_history
from vitrina.results import ModelResult
from vitrina.store.artifacts import Store, check_layout
from vitrina.store.paths import check_folder, to_path


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


def load() -> Work[RollBackConfig, ModelResult | None]:
    """The flow."""
    from flows.roll_back import roll_back

    return roll_back


def main(config: RollBackConfig) -> None:
    """Roll back, or only show the history, for which no Prefect server needs to start."""
    if config.list:
        run(show_history, config, check)
    else:
        run_flow(load, config, check)


COMMAND = Command(RollBackConfig, __doc__, main)
