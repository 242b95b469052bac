"""The automation that ends runs whose process or machine died without a word."""

from datetime import timedelta

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

NAME = "vitrina: a run without a heartbeat has crashed"
TAG = "vitrina"  # of every deployment in prefect.yaml


def crash_watch(seconds: int) -> AutomationCore:
    """A run of ours that is silent for ``seconds`` while it runs is marked Crashed.

    Without it a run whose machine died stays Running for ever, and keeps its slots. Only runs with
    our tag are watched: others may send a heartbeat every three minutes, Prefect's default.
    """
    return AutomationCore(
        name=NAME,
        description="Marks a run whose process or machine is gone, which frees its slots.",
        trigger=EventTrigger(
            match_related=ResourceSpecification.model_validate(
                {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}
            ),
            after={"prefect.flow-run.Running", "prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=seconds),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                name="Crashed",
                message=f"No heartbeat for {seconds} s: the flow's process or machine is gone.",
            )
        ],
    )


def apply_crash_watch(client: SyncPrefectClient, seconds: int) -> None:
    """Create the automation, or bring it up to date.

    An update makes it forget the heartbeats it has seen, and with them a run that died a moment
    ago: what is right already is left alone.
    """
    watch = crash_watch(seconds)
    existing = client.read_automations_by_name(NAME)
    if not existing:
        client.create_automation(watch)
    elif existing[0].model_dump(include=set(AutomationCore.model_fields)) != watch.model_dump():
        client.update_automation(existing[0].id, watch)
