"""Which model is the current one, and how it came to be: promotions and roll-backs.

Promoted models are copied to ``models/<fingerprint>/``, so that cleaning up trainings takes none of
them away. ``models/history/`` holds one numbered file per promotion or roll-back and is the truth:
a number is taken once, so of two runs at a time one has to look again. ``models/current`` repeats
the outcome for people and other programs.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field

from vitrina.config import Parameters
from vitrina.errors import UserError
from vitrina.model.folder import FILES
from vitrina.results import ModelResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.files import copy, create_bytes, listing, read_bytes, remove, write_bytes
from vitrina.store.paths import to_path

FOLDER, HISTORY, CURRENT = "models", "history", "current"
BASE = "base"  # what a person calls the model that is present before any promotion

Action = Literal["promotion", "roll-back"]
Change = tuple[Action, str, str, dict[str, Any]]  # action, fingerprint, reason, details


class Record(Parameters):
    """A change of the current model."""

    number: int = Field(description="Its place in the history, from 1.")
    time: datetime
    action: Action
    fingerprint: str = Field(description="Of the model that came, or with a roll-back went.")
    reason: str
    details: dict[str, Any]


@dataclass(frozen=True)
class History:
    """The changes of the current model, oldest first."""

    records: tuple[Record, ...]

    @property
    def active(self) -> tuple[Record, ...]:
        """The promotions that no roll-back took away; the last one's model is the current one."""
        active: list[Record] = []
        for record in self.records:
            if record.action == "promotion":
                active.append(record)
            elif active:  # its promotion's file may be lost
                active.pop()
        return tuple(active)

    @property
    def current(self) -> Record | None:
        """The promotion of the current model; None while that is the base model."""
        active = self.active
        return active[-1] if active else None

    @property
    def next_number(self) -> int:
        """The number of the next record; a lost file in the middle leaves a gap."""
        return self.records[-1].number + 1 if self.records else 1

    def was_rolled_back(self, fingerprint: str) -> bool:
        """Whether the newest change of this model took it away."""
        actions = [one.action for one in self.records if one.fingerprint == fingerprint]
        return actions[-1:] == ["roll-back"]

    def promotion(self, key: str) -> Record:
        """The newest promotion of the model whose fingerprint begins with ``key``.

        Raises UserError if no model of the history does, or several do.
        """
        found = {one.fingerprint: one for one in self.records if one.action == "promotion"}
        meant = [one for name, one in found.items() if name.startswith(key)]
        if len(meant) == 1:
            return meant[0]
        problem = "begins the fingerprints of several models" if meant else "was never promoted"
        known = ", ".join([BASE, *found])
        raise UserError(f"{key!r} {problem}. Models to go back to: {known}.")


def read_history(store: Store) -> History:
    """The history below a store's root."""
    folder = store.path / FOLDER / HISTORY
    names = sorted(name for name, _ in listing(folder) if name.endswith(".json"))
    return History(tuple(Record.model_validate_json(read_bytes(folder / name)) for name in names))


def current_model(store: Store) -> ModelResult | None:
    """The current model; None while that is the base model."""
    current = read_history(store).current
    return kept_model(store, current.fingerprint) if current else None


def roll_back(store: Store, to: str = "") -> ModelResult | None:
    """Put an earlier model in the current one's place; None when that is the base model.

    ``to`` is the beginning of the model's fingerprint or 'base'; empty, it is the model before the
    present one. One that was rolled back itself is put back. The models that go are kept, but no
    later run promotes them by itself. Raises UserError if there is nothing to go back to.
    """
    history = read_history(store)
    for change in changes_to(store, history, to):
        grown = append(store, history, *change)
        if grown is None:
            raise UserError("Another run changed the current model just now. Look, and try again.")
        history = grown
    return current_model(store)


def changes_to(store: Store, history: History, to: str) -> list[Change]:
    """The changes that make the model ``to`` the current one; UserError if that cannot be."""
    active = history.active
    if not active and to in ("", BASE):
        raise UserError(
            f"{store.path} has no promoted model, so there is nothing to go back to: "
            "the base model is the current one."
        )
    if to in ("", BASE):
        left = 0 if to else len(active) - 1
    else:
        wanted = history.promotion(to)
        if history.current and history.current.fingerprint == wanted.fingerprint:
            raise UserError(f"{wanted.fingerprint} is the current model already.")
        positions = [n for n, one in enumerate(active) if one.fingerprint == wanted.fingerprint]
        if not positions:
            _check_kept(store, wanted)
            return [("promotion", wanted.fingerprint, "put back by hand", wanted.details)]
        left = positions[-1] + 1
    if left:
        _check_kept(store, active[left - 1])
    gone = reversed(active[left:])
    return [("roll-back", one.fingerprint, "rolled back by hand", {}) for one in gone]


def _check_kept(store: Store, record: Record) -> None:
    folder = to_path(kept_model(store, record.fingerprint).folder)
    if Artifact(folder).manifest() is None:
        raise UserError(f"{folder} is gone or not whole, so its model cannot be put back.")


def append(
    store: Store,
    history: History,
    action: Action,
    fingerprint: str,
    reason: str,
    details: dict[str, Any],
) -> History | None:
    """The history with a change added; None if it has grown meanwhile, and nothing is changed."""
    record = Record(
        number=history.next_number,
        time=datetime.now(UTC),
        action=action,
        fingerprint=fingerprint,
        reason=reason,
        details=details,
    )
    path = store.path / FOLDER / HISTORY / f"{record.number:06}.json"
    if not create_bytes(path, record.model_dump_json(indent=2).encode()):
        return None
    pointer = store.path / FOLDER / CURRENT
    model = current_model(store)
    if model:
        write_bytes(pointer, model.model_dump_json(indent=2).encode())
    else:
        remove([pointer])
    return History((*history.records, record))


def kept_model(store: Store, fingerprint: str) -> ModelResult:
    """The place of a promoted model; the store may have moved since it was promoted."""
    return ModelResult(folder=str(store.path / FOLDER / fingerprint), fingerprint=fingerprint)


def keep(store: Store, model: ModelResult) -> ModelResult:
    """A copy of the model that stays when trainings are cleaned up."""
    kept = kept_model(store, model.fingerprint)
    artifact = Artifact(to_path(kept.folder))
    if artifact.manifest() is None:
        for name in FILES:
            copy(to_path(model.folder) / name, artifact.path / name)
        artifact.publish(
            FOLDER,
            model.fingerprint,
            FILES,
            parameters={"from": model.folder},
            result=kept.model_dump(mode="json"),
        )
    return kept
