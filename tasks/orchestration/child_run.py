"""Run a deployment on another work pool as a child of this run, and wait for it.

The child returns no value: it publishes its artifact in the store, where the caller reads it.
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

# A child crashes when it loses its worker or runs out of memory, which a new one may not.
MAX_ATTEMPTS = 3
ENDED_OR_ENDING = TERMINAL_STATES | {StateType.CANCELLING}


def run_in_deployment(deployment: str, config: Parameters, *, poll_seconds: float = 2) -> None:
    """Run ``deployment`` with ``config`` as its ``config`` parameter and wait until it completes.

    A crashed child is replaced by a new one, which resumes from the store. If this run is cancelled
    or otherwise ends while waiting, the child is cancelled.

    Raises UserError if there is no such deployment, CancelledRun if the child was cancelled,
    FailedRun if it failed, CrashedRun if it crashed three times.
    """
    for attempt in range(1, MAX_ATTEMPTS + 1):
        child = _start(deployment, config)
        state = _final_state(child, deployment, poll_seconds)
        if state.is_completed():
            return
        message = describe(deployment, child, state)
        if not state.is_crashed() or attempt == MAX_ATTEMPTS:
            raise _error_type(state)(message)
        logger.warning("%s Starting attempt %d of %d.", message, attempt + 1, MAX_ATTEMPTS)


def describe(deployment: str, child: FlowRun, state: State) -> str:
    """A sentence on how the child ended, why, and where its log is."""
    name = (state.name or state.type.value).lower()
    reason = (state.message or "no reason given").rstrip(".")
    address = get_current_settings().ui_url
    log = f" Its log: {address}/runs/flow-run/{child.id}" if address else ""
    return f"{deployment} {name} (run {child.name}): {reason}.{log}"


def _error_type(state: State) -> type[Exception]:
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
    assert isinstance(child, FlowRun)  # not a coroutine, which async callers get
    return child


def _final_state(child: FlowRun, deployment: str, poll_seconds: float) -> State:
    """Wait for the child's final state and log each state until then."""
    own = runtime.flow_run.id
    with get_client(sync_client=True) as client:
        try:
            seen: str | None = None
            while True:
                state = _state(client, child.id)
                if state.is_final():
                    return state
                if state.name != seen:
                    _log_state(client, deployment, child, state)
                seen = state.name
                # The signal that cancels a run reaches its main thread; this may be another one.
                if own and _state(client, UUID(own)).type in ENDED_OR_ENDING:
                    raise CancelledRun(f"{deployment} (run {child.name}): its parent has ended.")
                time.sleep(poll_seconds)
        except BaseException:
            client.set_flow_run_state(child.id, Cancelling(message="The parent run has ended."))
            raise


def _state(client: SyncPrefectClient, run: UUID) -> State:
    return client.read_flow_run(run).state or Pending()


def _log_state(client: SyncPrefectClient, deployment: str, child: FlowRun, state: State) -> None:
    if state.name == "Late":
        pool = client.read_flow_run(child.id).work_pool_name
        logger.warning(
            "%s (run %s) is waiting for a worker: prefect worker start --pool %s",
            deployment,
            child.name,
            pool,
        )
    else:
        logger.info("%s (run %s): %s", deployment, child.name, state.name)
