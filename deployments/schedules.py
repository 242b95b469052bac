"""Schedules of a deployment, in the form in which prefect.yaml describes them."""

import json
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.schedules import (
    SCHEDULE_TYPES,
    CronSchedule,
    IntervalSchedule,
    NoSchedule,
    RRuleSchedule,
)
from prefect.exceptions import ObjectNotFound

Description = dict[str, Any]


def read_schedules(client: SyncPrefectClient, deployment: str) -> list[DeploymentSchedule]:
    """The schedules that a deployment has now; none if it is new."""
    try:
        return client.read_deployment_by_name(deployment).schedules
    except ObjectNotFound:
        return []


def merge_schedules(
    described: list[Description], existing: list[DeploymentSchedule]
) -> list[Description]:
    """The described schedules, on where they were switched on, and those that people have added.

    Deploying replaces every schedule of a deployment: one made in the UI or by the command line is
    lost unless it is deployed too.
    """
    on = {schedule.slug for schedule in existing if schedule.active}
    ours = {schedule["slug"] for schedule in described}
    return [
        *(one | {"active": one["active"] or one["slug"] in on} for one in described),
        *(
            describe(one)
            for one in existing
            if one.slug not in ours and not isinstance(one.schedule, NoSchedule)
        ),
    ]


def describe(schedule: DeploymentSchedule) -> Description:
    """A schedule as prefect.yaml would have it."""
    description = _timing(schedule.schedule) | {
        "active": schedule.active,
        "parameters": schedule.parameters,
        "slug": schedule.slug,
    }
    return {name: value for name, value in description.items() if value is not None}


def _timing(timing: SCHEDULE_TYPES) -> Description:
    if isinstance(timing, CronSchedule):
        return {"cron": timing.cron, "timezone": timing.timezone, "day_or": timing.day_or}
    if isinstance(timing, RRuleSchedule):
        # As JSON: Prefect takes a bare rule's time zone for its own default.
        return {"rrule": json.dumps({"rrule": timing.rrule, "timezone": timing.timezone})}
    assert isinstance(timing, IntervalSchedule)  # the last kind there is
    return {
        "interval": timing.interval.total_seconds(),
        "anchor_date": timing.anchor_date.isoformat(),
        "timezone": timing.timezone,
    }
