"""Which model is the present one, and how it came to be: promotions and roll-backs.

Promoted models are copied to ``models/<fingerprint>/``, so that cleaning up trainings takes none of
them away. ``models/history/`` holds one numbered file per promotion or roll-back and is the truth:
a number is taken once, so of two runs at a time one has to look again. ``models/current`` repeats
the outcome for people and other programs.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field

from tasks.config import Parameters
from tasks.errors import UserError
from tasks.results import ModelResult
from tasks.storage import (
    Artifact,
    Store,
    copy,
    create_bytes,
    listing,
    location,
    read_bytes,
    remove,
    write_bytes,
)

FOLDER, HISTORY, CURRENT = "models", "history", "current"


class Record(Parameters):
    """A change of the present model."""

    number: int = Field(description="Its place in the history, from 1.")
    time: datetime
    action: Literal["promotion", "roll-back"]
    fingerprint: str = Field(description="Of the model that came, or with a roll-back went.")
    reason: str
    details: dict[str, Any]


@dataclass(frozen=True)
class History:
    """The changes of the present model, oldest first."""

    records: tuple[Record, ...]

    @property
    def present(self) -> Record | None:
        """The promotion of the present model; None while that is the base model."""
        standing: list[Record] = []
        for record in self.records:
            if record.action == "promotion":
                standing.append(record)
            else:
                standing.pop()
        return standing[-1] if standing else None

    def was_rolled_back(self, fingerprint: str) -> bool:
        """Whether the newest change of this model took it away."""
        actions = [one.action for one in self.records if one.fingerprint == fingerprint]
        return actions[-1:] == ["roll-back"]


def read_history(store: Store) -> History:
    """The history below a store's root."""
    folder = store.path / FOLDER / HISTORY
    names = sorted(name for name in listing(folder) if name.endswith(".json"))
    return History(tuple(Record.model_validate_json(read_bytes(folder / name)) for name in names))


def current(store: Store) -> ModelResult | None:
    """The present model; None while that is the base model."""
    present = read_history(store).present
    return kept_model(store, present.fingerprint) if present else None


def roll_back(store: Store) -> ModelResult | None:
    """Put the model before the present one back; None when that is the base model.

    The model that goes is kept, but no later run promotes it by itself. Raises UserError if there
    is nothing to roll back.
    """
    history = read_history(store)
    if history.present is None:
        raise UserError(f"{store.path} has no promoted model, so there is nothing to roll back.")
    gone = history.present.fingerprint
    if not append(store, history, "roll-back", gone, "rolled back by hand", {}):
        raise UserError("Another run changed the present model just now. Look, and try again.")
    return current(store)


def append(
    store: Store,
    history: History,
    action: Literal["promotion", "roll-back"],
    fingerprint: str,
    reason: str,
    details: dict[str, Any],
) -> bool:
    """Add a change to a history; False if it has grown meanwhile, and nothing is changed then."""
    record = Record(
        number=len(history.records) + 1,
        time=datetime.now(UTC),
        action=action,
        fingerprint=fingerprint,
        reason=reason,
        details=details,
    )
    path = store.path / FOLDER / HISTORY / f"{record.number:06}.json"
    if not create_bytes(path, record.model_dump_json(indent=2).encode()):
        return False
    pointer = store.path / FOLDER / CURRENT
    model = current(store)
    if model:
        write_bytes(pointer, model.model_dump_json(indent=2).encode())
    else:
        remove([pointer])
    return True


def kept_model(store: Store, fingerprint: str) -> ModelResult:
    """The place of a promoted model; the store may have moved since it was promoted."""
    return ModelResult(folder=str(store.path / FOLDER / fingerprint), fingerprint=fingerprint)


def keep(store: Store, model: ModelResult) -> ModelResult:
    """A copy of the model that stays when trainings are cleaned up."""
    # torch costs seconds; help and wrong arguments answer without it
    from tasks.learning.model import FILES

    kept = kept_model(store, model.fingerprint)
    artifact = Artifact(location(kept.folder))
    if artifact.manifest() is None:
        for name in FILES:
            copy(location(model.folder) / name, artifact.path / name)
        artifact.publish(
            FOLDER,
            model.fingerprint,
            FILES,
            parameters={"from": model.folder},
            result=kept.model_dump(mode="json"),
        )
    return kept
