"""Which model is the current one: a history of promotions and roll-backs.

Models that are promoted or that embed are copied to ``models/<fingerprint>/``, so they outlive the
trainings, or the downloads, they come from. ``models/history/`` is the source of truth: one
numbered file per promotion or roll-back. A number can be taken only once, so of two runs that
change the current model at the same time, one has to read the history again. ``models/current`` is
a derived copy for people and other programs; it is never read here.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field, ValidationError

from vitrina.config.parameters import Parameters
from vitrina.errors import UserError
from vitrina.model.folder import model_files
from vitrina.results import ModelResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.files import (
    copy,
    create_bytes,
    listing,
    read_bytes,
    remove,
    remove_stale_temp_files,
    write_bytes,
)
from vitrina.store.paths import to_path

FOLDER, HISTORY, CURRENT = "models", "history", "current"
BASE = "base"  # what a user calls the model that is current before any promotion


class Change(Parameters):
    """A change of the current model."""

    action: Literal["promotion", "roll-back"]
    fingerprint: str = Field(description="The model that is promoted or rolled back.")
    reason: str
    details: dict[str, Any]


class Record(Change):
    """A change as it is stored in the history."""

    number: int = Field(description="Position in the history, from 1.")
    time: datetime


@dataclass(frozen=True)
class History:
    """The changes of the current model, oldest first."""

    records: tuple[Record, ...]

    @property
    def active(self) -> tuple[Record, ...]:
        """The promotions that were not rolled back; the last one's model is the current model."""
        active: list[Record] = []
        for record in self.records:
            if record.action == "promotion":
                active.append(record)
            # A roll-back is of the last active promotion, unless the file of that one is lost.
            elif active and active[-1].fingerprint == record.fingerprint:
                active.pop()
        return tuple(active)

    @property
    def current(self) -> Record | None:
        """The promotion of the current model; None if that is the base model."""
        active = self.active
        return active[-1] if active else None

    @property
    def next_number(self) -> int:
        """The number of the next record; not their count, as files may have been lost."""
        return self.records[-1].number + 1 if self.records else 1

    def was_rolled_back(self, fingerprint: str) -> bool:
        """Whether the last change of this model was a roll-back."""
        actions = [record.action for record in self.records if record.fingerprint == fingerprint]
        return actions[-1:] == ["roll-back"]

    def promotion(self, prefix: str) -> Record:
        """The last promotion of the model whose fingerprint starts with ``prefix``.

        Raises UserError unless exactly one model of the history matches.
        """
        promotions = {one.fingerprint: one for one in self.records if one.action == "promotion"}
        matches = [one for name, one in promotions.items() if name.startswith(prefix)]
        if len(matches) == 1:
            return matches[0]
        problem = "matches the fingerprints of several models" if matches else "was never promoted"
        known = ", ".join([BASE, *promotions])
        raise UserError(f"{prefix!r} {problem}. Models to go back to: {known}.")


def read_history(store: Store) -> History:
    """The history of a store. Raises UserError if one of its files is damaged."""
    folder = store.path / FOLDER / HISTORY
    records = []
    for name in sorted(name for name, _ in listing(folder) if name.endswith(".json")):
        try:
            records.append(Record.model_validate_json(read_bytes(folder / name)))
        except ValidationError as error:
            raise UserError(
                f"{folder / name} is no record of a promotion or a roll-back: "
                f"{error.errors()[0]['msg']}. Restore it, or remove it to do without this change."
            ) from error
    return History(tuple(records))


def current_model(store: Store) -> ModelResult | None:
    """The current model; None if that is the base model."""
    current = read_history(store).current
    return kept_model(store, current.fingerprint) if current else None


def roll_back(store: Store, to: str = "") -> ModelResult | None:
    """Make an earlier model the current one again; returns it, or None for the base model.

    ``to`` is the beginning of the model's fingerprint, or 'base'; empty, it is the model before the
    current one. A model that was rolled back itself can be chosen too. The models rolled back stay
    in the store, but no later run promotes them automatically. Raises UserError if there is no such
    model.
    """
    history = read_history(store)
    for change in changes_to(store, history, to):
        appended = append(store, history, change)
        if appended is None:
            raise UserError(
                "Another run changed the current model at the same time. Look at --list, and try "
                "again if you still want to."
            )
        history = appended
    return current_model(store)


def changes_to(store: Store, history: History, to: str) -> list[Change]:
    """The changes that make the model ``to`` the current one.

    Raises UserError if there is no such model, it is the current one, or its files are incomplete.
    """
    active = history.active
    if not active and to in ("", BASE):
        raise UserError(
            f"{store.path} has no promoted model, so there is nothing to go back to: "
            "the base model is the current one."
        )
    if to in ("", BASE):
        remaining = 0 if to else len(active) - 1
    else:
        wanted = history.promotion(to)
        if history.current and history.current.fingerprint == wanted.fingerprint:
            raise UserError(f"{wanted.fingerprint} is the current model already.")
        positions = [n for n, one in enumerate(active) if one.fingerprint == wanted.fingerprint]
        if not positions:
            _check_kept(store, wanted)
            return [
                Change(
                    action="promotion",
                    fingerprint=wanted.fingerprint,
                    reason="put back by hand",
                    details=wanted.details,
                )
            ]
        remaining = positions[-1] + 1
    if remaining:
        _check_kept(store, active[remaining - 1])
    return [
        Change(
            action="roll-back",
            fingerprint=record.fingerprint,
            reason="rolled back by hand",
            details={},
        )
        for record in reversed(active[remaining:])
    ]


def _check_kept(store: Store, record: Record) -> None:
    kept = kept_model(store, record.fingerprint)
    if not is_kept(kept):
        raise UserError(
            f"{kept.folder} is missing or incomplete, so its model cannot become the current one."
        )


def append(store: Store, history: History, change: Change) -> History | None:
    """Store a change; returns the history with it.

    Returns None and changes nothing if another run has appended to the history since it was read.
    """
    record = Record(number=history.next_number, time=datetime.now(UTC), **dict(change))
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
    """A model in its folder below the store's present root; the store may have moved."""
    return ModelResult(folder=str(store.path / FOLDER / fingerprint), fingerprint=fingerprint)


def is_kept(kept: ModelResult) -> bool:
    """Whether the folder of a kept model is there and complete."""
    return Artifact(to_path(kept.folder)).manifest() is not None


def keep(store: Store, model: ModelResult) -> ModelResult:
    """Copy a model into the store, unless its copy is there already; returns the copy."""
    kept = kept_model(store, model.fingerprint)
    artifact = Artifact(to_path(kept.folder))
    if artifact.manifest() is None:
        remove_stale_temp_files(artifact.path)
        files = model_files(to_path(model.folder))
        for name in files:
            copy(to_path(model.folder) / name, artifact.path / name)
        artifact.publish(
            FOLDER,
            model.fingerprint,
            files,
            parameters={"from": model.folder},
            result=kept.model_dump(mode="json"),
        )
    return kept
