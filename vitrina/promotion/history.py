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

from vitrina.config import Parameters
from vitrina.errors import UserError
from vitrina.model.folder import FILES
from vitrina.results import ModelResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.files import copy, create_bytes, listing, read_bytes, remove, write_bytes
from vitrina.store.paths import location

FOLDER, HISTORY, CURRENT = "models", "history", "current"
BASE = "base"  # what a person calls the model that is present before any promotion

Action = Literal["promotion", "roll-back"]
Change = tuple[Action, str, str, dict[str, Any]]  # action, fingerprint, reason, details


class Record(Parameters):
    """A change of the present model."""

    number: int = Field(description="Its place in the history, from 1.")
    time: datetime
    action: Action
    fingerprint: str = Field(description="Of the model that came, or with a roll-back went.")
    reason: str
    details: dict[str, Any]


@dataclass(frozen=True)
class History:
    """The changes of the present model, oldest first."""

    records: tuple[Record, ...]

    @property
    def standing(self) -> tuple[Record, ...]:
        """The promotions that no roll-back took away; the last one's model is the present one."""
        standing: list[Record] = []
        for record in self.records:
            if record.action == "promotion":
                standing.append(record)
            else:
                standing.pop()
        return tuple(standing)

    @property
    def present(self) -> Record | None:
        """The promotion of the present model; None while that is the base model."""
        standing = self.standing
        return standing[-1] if standing else None

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


def current(store: Store) -> ModelResult | None:
    """The present model; None while that is the base model."""
    present = read_history(store).present
    return kept_model(store, present.fingerprint) if present else None


def roll_back(store: Store, to: str = "") -> ModelResult | None:
    """Put an earlier model in the present one's place; None when that is the base model.

    ``to`` is the beginning of the model's fingerprint or 'base'; empty, it is the model before the
    present one. One that was rolled back itself is put back. The models that go are kept, but no
    later run promotes them by itself. Raises UserError if there is nothing to go back to.
    """
    history = read_history(store)
    for change in way_to(store, history, to):
        grown = append(store, history, *change)
        if grown is None:
            raise UserError("Another run changed the present model just now. Look, and try again.")
        history = grown
    return current(store)


def way_to(store: Store, history: History, to: str) -> list[Change]:
    """The changes that make the model ``to`` the present one; UserError if that cannot be."""
    standing = history.standing
    if not standing and to in ("", BASE):
        raise UserError(
            f"{store.path} has no promoted model, so there is nothing to go back to: "
            "the base model is the present one."
        )
    if to in ("", BASE):
        left = 0 if to else len(standing) - 1
    else:
        wanted = history.promotion(to)
        if history.present and history.present.fingerprint == wanted.fingerprint:
            raise UserError(f"{wanted.fingerprint} is the present model already.")
        places = [n for n, one in enumerate(standing) if one.fingerprint == wanted.fingerprint]
        if not places:
            _check_kept(store, wanted)
            return [("promotion", wanted.fingerprint, "put back by hand", wanted.details)]
        left = places[-1] + 1
    if left:
        _check_kept(store, standing[left - 1])
    gone = reversed(standing[left:])
    return [("roll-back", one.fingerprint, "rolled back by hand", {}) for one in gone]


def _check_kept(store: Store, record: Record) -> None:
    folder = location(kept_model(store, record.fingerprint).folder)
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
        number=len(history.records) + 1,
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
    model = current(store)
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
