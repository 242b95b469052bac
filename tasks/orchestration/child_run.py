"""Run a deployment on another work pool as a child of this run, and wait for it.

The child returns no value: it publishes its artifact in the store, where the caller reads it.
"""

import logging
import time
from typing import NoReturn
from uuid import UUID, uuid4

import httpx
from prefect import runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun, State, StateType
from prefect.deployments import run_deployment
from prefect.exceptions import Abort, CancelledRun, CrashedRun, FailedRun, ObjectNotFound
from prefect.settings import PREFECT_API_URL, get_current_settings
from prefect.states import Cancelled, Cancelling, Pending

from tasks.orchestration.follow_child import ChildView
from vitrina.config.parameters import Parameters
from vitrina.errors import UserError

logger = logging.getLogger(__name__)

# A child crashes when it loses its worker or runs out of memory, which a new one may not.
MAX_ATTEMPTS = 3
ENDED_OR_ENDING = TERMINAL_STATES | {StateType.CANCELLING}
OUTAGE_SECONDS = 900.0  # a server that is restarted or moved is back by then
MAX_PAUSE_SECONDS = 15.0
SIGNAL_SECONDS = 60.0  # within which a worker stops a cancelled run; it looks every 10 s at least


class LostContactError(RuntimeError):
    """The server has not answered for so long that the child is given up, but not cancelled.

    It is not transient: a retry would start a second child beside the first.
    """


def run_in_deployment(deployment: str, config: Parameters, *, poll_seconds: float = 2) -> None:
    """Run ``deployment`` with ``config`` as its ``config`` parameter and wait until it completes.

    A crashed child is replaced by a new one, which resumes from the store. If this run is cancelled
    or otherwise ends while waiting, the child is cancelled. While the server does not answer, the
    child is left alone.

    Raises UserError if there is no such deployment, CancelledRun if the child was cancelled,
    FailedRun if it failed, CrashedRun if it crashed three times, LostContactError if the server
    has not answered for 15 minutes.
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
            deployment,
            flow_run_name=runtime.flow_run.name,  # which says what all this is about
            parameters={"config": config.model_dump(mode="json")},
            timeout=0,
            # A request that is sent again, because its answer was lost, starts no second child.
            idempotency_key=str(uuid4()),
        )
    except ObjectNotFound as error:
        raise UserError(
            f"There is no deployment {deployment!r} on this Prefect server. Apply the deployments "
            "(make deploy), or leave the setting empty to run in this process."
        ) from error
    assert isinstance(child, FlowRun)  # not a coroutine, which async callers get
    return child


def _final_state(child: FlowRun, deployment: str, poll_seconds: float) -> State:
    """Wait for the child's final state; log each state and show its progress until then."""
    own = UUID(runtime.flow_run.id) if runtime.flow_run.id else None
    view = ChildView(child, deployment)
    with get_client(sync_client=True) as client:
        try:
            seen: str | None = None
            while True:
                state = _state(client, child.id)
                view.update(client, now=state.is_final())
                if state.is_final():
                    return state
                if state.name != seen:
                    _log_state(deployment, child, state)
                seen = state.name
                if own and _state(client, own).type in ENDED_OR_ENDING:
                    _cancel(client, child)
                    _end_run(client, own)
                time.sleep(poll_seconds)
        except ObjectNotFound as error:
            raise CancelledRun(f"{deployment} (run {child.name}) has been deleted.") from error
        except BaseException as error:
            # This run is cancelled or interrupted. If it only cannot follow its child, it leaves
            # the child alone.
            if not isinstance(error, Exception):
                _cancel(client, child)
            raise


def _cancel(client: SyncPrefectClient, child: FlowRun) -> None:
    try:
        client.set_flow_run_state(child.id, Cancelling(message="The parent run has ended."))
    except Exception as error:  # noqa: BLE001 - this run must end all the same
        logger.warning("Cancel run %s in the Prefect UI: the server said %s", child.name, error)


def _end_run(client: SyncPrefectClient, own: UUID) -> NoReturn:
    """End this run, which the server counts as cancelled or ended, without changing its state.

    A worker ends a cancelled run by a signal, which is raised here. Where none does, because it has
    died or the run was started without one, the run reports its own end.
    """
    end = time.monotonic() + SIGNAL_SECONDS
    while (state := _state(client, own)).type is StateType.CANCELLING:
        if time.monotonic() > end:
            client.set_flow_run_state(own, Cancelled(message="Flow run was cancelled."), force=True)
        time.sleep(1)
    ended = Abort(f"This run is {state.name} on the server.")
    ended.state = state  # type: ignore[attr-defined] # the flow engine reports this one
    raise ended


def _state(client: SyncPrefectClient, run: UUID) -> State:
    """A run's state; while the server does not answer, ask again for up to OUTAGE_SECONDS."""
    started, pause = time.monotonic(), 1.0
    while True:
        try:
            return client.read_flow_run(run).state or Pending()
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            if isinstance(error, httpx.HTTPStatusError) and not error.response.is_server_error:
                raise
            if time.monotonic() - started > OUTAGE_SECONDS:
                raise LostContactError(
                    f"The Prefect server at {PREFECT_API_URL.value()} has not answered for "
                    f"{OUTAGE_SECONDS / 60:.0f} minutes ({error}). The child run {run} may still "
                    "be running; start this run again when the server is back."
                ) from error
            logger.warning("The Prefect server does not answer (%s); trying again.", error)
        time.sleep(pause)
        pause = min(2 * pause, MAX_PAUSE_SECONDS)


def _log_state(deployment: str, child: FlowRun, state: State) -> None:
    if state.name == "Late":
        logger.warning(
            "%s (run %s) is waiting for a worker: prefect worker start --pool %s",
            deployment,
            child.name,
            child.work_pool_name,
        )
    else:
        logger.info("%s (run %s): %s", deployment, child.name, state.name)
