"""Run a stage on another work pool: a child run that this run starts, shows and waits for.

Nothing comes back but success: the child publishes its artifact in the store, where the caller
finds it.
"""

import logging
import time
from uuid import UUID

from prefect import runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun, State, StateType
from prefect.deployments import run_deployment
from prefect.exceptions import CancelledRun, CrashedRun, FailedRun, ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Cancelling, Pending

from vitrina.config import Parameters
from vitrina.errors import UserError

logger = logging.getLogger(__name__)

# A child that crashed lost its worker or its memory: another one may go through, many will not.
TRIES = 3
ENDING = TERMINAL_STATES | {StateType.CANCELLING}


def run_in_deployment(deployment: str, config: Parameters, *, poll_seconds: float = 2) -> None:
    """Run ``deployment`` with ``config`` as its ``config`` parameter, and wait until it is done.

    A crashed child is followed by a new one, which goes on from what the store holds. When this
    run is cancelled or ends otherwise while it waits, the child is cancelled too.

    Raises UserError when there is no such deployment, CancelledRun when somebody cancelled the
    child, FailedRun when it failed, CrashedRun when it crashed three times.
    """
    for attempt in range(1, TRIES + 1):
        child = _start(deployment, config)
        state = _final_state(child, deployment, poll_seconds)
        if state.is_completed():
            return
        told = describe(deployment, child, state)
        if not state.is_crashed() or attempt == TRIES:
            raise _error(state)(told)
        logger.warning("%s Starting another one, %d of %d.", told, attempt + 1, TRIES)


def describe(deployment: str, child: FlowRun, state: State) -> str:
    """How the child ended, why, and where its log is."""
    ended = (state.name or state.type.value).lower()
    reason = (state.message or "no reason given").rstrip(".")
    address = get_current_settings().ui_url
    log = f" Its log: {address}/runs/flow-run/{child.id}" if address else ""
    return f"{deployment} {ended} (run {child.name}): {reason}.{log}"


def _error(state: State) -> type[Exception]:
    if state.type is StateType.CANCELLED:
        return CancelledRun
    return CrashedRun if state.is_crashed() else FailedRun


def _start(deployment: str, config: Parameters) -> FlowRun:
    try:
        child = run_deployment(
            deployment, parameters={"config": config.model_dump(mode="json")}, timeout=0
        )
    except ObjectNotFound as error:
        raise UserError(
            f"There is no deployment {deployment!r} on this Prefect server. Apply the deployments "
            "(make deploy), or leave the setting empty to run in this process."
        ) from error
    assert isinstance(child, FlowRun)  # a coroutine only where the caller is one
    return child


def _final_state(child: FlowRun, deployment: str, poll_seconds: float) -> State:
    """Wait for the child's final state, telling each one it goes through."""
    own = runtime.flow_run.id
    with get_client(sync_client=True) as client:
        try:
            seen: str | None = None
            while True:
                state = _state(client, child.id)
                if state.is_final():
                    return state
                if state.name != seen:
                    _tell(client, deployment, child, state)
                seen = state.name
                # The signal that ends a run reaches its main thread; a task may be in another.
                if own and _state(client, UUID(own)).type in ENDING:
                    raise CancelledRun(f"{deployment} (run {child.name}): its parent has ended.")
                time.sleep(poll_seconds)
        except BaseException:
            client.set_flow_run_state(child.id, Cancelling(message="The parent run has ended."))
            raise


def _state(client: SyncPrefectClient, run: UUID) -> State:
    return client.read_flow_run(run).state or Pending()


def _tell(client: SyncPrefectClient, deployment: str, child: FlowRun, state: State) -> None:
    if state.name == "Late":
        pool = client.read_flow_run(child.id).work_pool_name
        logger.warning(
            "%s (run %s) waits for a worker: prefect worker start --pool %s",
            deployment,
            child.name,
            pool,
        )
    else:
        logger.info("%s (run %s): %s", deployment, child.name, state.name)
