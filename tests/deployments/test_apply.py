"""What `python deployments/apply.py` makes of a server."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from apply import deployment_name, filled_in, lease_warning
from crash_watch import NAME as CRASH_WATCH
from pools import apply_pool, job_template
from prefect.client.schemas.objects import DeploymentSchedule, FlowRun
from prefect.client.schemas.schedules import (
    SCHEDULE_TYPES,
    CronSchedule,
    IntervalSchedule,
    RRuleSchedule,
)
from prefect.exceptions import PrefectHTTPStatusError
from schedules import merge_schedules
from settings import Settings, pipeline_parameters, read_settings

from tests.support.processes import ROOT, eventually, free_port
from tests.support.servers import Server, running_server
from vitrina.config.pipeline import PipelineConfig
from vitrina.errors import UserError

DEPLOYMENTS = {
    "pipeline/cpu",
    "data-preprocessing/cpu",
    "train-model/cpu",
    "train-model/gpu",
    "generate-embeddings/cpu",
    "generate-embeddings/gpu",
    "push/cpu",
    "roll-back/cpu",
}
DEMO = {"catalog": "demo", "images": "demo", "output": "/tmp/vitrina", "model": "tiny"}


def described(server: Server) -> dict[str, Any]:
    """All that apply.py makes, without the times at which it did."""
    with server.client() as client:
        flows = {flow.id: flow.name for flow in client.read_flows()}
        pools = {pool.name: pool for pool in client.read_work_pools()}
        return {
            "pools": {
                name: (pools[name].id, pools[name].type, pools[name].concurrency_limit)
                for name in ("cpu", "gpu")
            },
            "watches": [watch.id for watch in client.read_automations_by_name(CRASH_WATCH)],
            "deployments": {
                f"{flows[found.flow_id]}/{found.name}": found.model_dump(
                    exclude={"updated", "status", "last_polled", "version_id", "version_info"}
                    | {"schedules", "global_concurrency_limit"}
                )
                | {
                    "limit": found.global_concurrency_limit
                    and found.global_concurrency_limit.limit,
                    "schedules": [
                        (one.slug, one.active, one.schedule.model_dump()) for one in found.schedules
                    ],
                }
                for found in client.read_deployments()
                if found.name in pools
            },
        }


def nightly(server: Server) -> DeploymentSchedule:
    """The pipeline's schedule."""
    with server.client() as client:
        (schedule,) = client.read_deployment_by_name("pipeline/cpu").schedules
    return schedule


@pytest.mark.slow
def test_applying_again_changes_nothing(applied: Server) -> None:
    """Pools, deployments, schedules and the crash watch: the same ones, once each, and told."""
    first = described(applied)
    again = applied.run("deployments/apply.py")
    assert again.returncode == 0, again.stderr
    assert described(applied) == first
    assert first["deployments"].keys() >= DEPLOYMENTS
    assert len(first["watches"]) == 1
    assert {name: pool[1:] for name, pool in first["pools"].items()} == {
        "cpu": ("process", None),
        "gpu": ("process", 1),
    }
    assert "work pool gpu (process), 1 at a time" in again.stdout
    assert "deployment pipeline/cpu on cpu, nightly off" in again.stdout


def test_every_deployment_is_labelled_and_runs_one_at_a_time(applied: Server) -> None:
    """Tags, a description, a limit of one that queues, and the heartbeat that the watch needs."""
    for name, found in described(applied)["deployments"].items():
        if name in DEPLOYMENTS:
            assert found["tags"][:2] == ["vitrina", name.split("/")[0]]
            assert found["description"]
            assert found["limit"] == 1
            assert found["concurrency_options"]["collision_strategy"].value == "ENQUEUE"
            assert found["work_pool_name"] == name.split("/")[1]
            environment = found["job_variables"]["env"]
            assert int(environment["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) * 3 <= 90
            assert environment["PREFECT_LOGGING_EXTRA_LOGGERS"] == "vitrina,tasks,flows"


def made_by_a_schedule(server: Server) -> list[FlowRun]:
    """The pipeline's runs that nobody started; other tests of the session start some."""
    return [run for run in server.runs("pipeline/cpu") if run.auto_scheduled]


@pytest.mark.slow
def test_the_nightly_run_is_off_until_it_is_switched_on_and_stays_on(applied: Server) -> None:
    """Switched on it really makes runs, at two in the morning in Moscow; applying keeps it on."""
    schedule = nightly(applied)
    assert not schedule.active
    assert made_by_a_schedule(applied) == []
    on_and_off = ["-m", "prefect", "deployment", "schedule"]
    assert applied.run(*on_and_off, "resume", "pipeline/cpu", str(schedule.id)).returncode == 0
    try:
        runs = eventually(lambda: made_by_a_schedule(applied), 30, "scheduled runs")
        starts = sorted(run.expected_start_time for run in runs if run.expected_start_time)
        assert all(start.astimezone(ZoneInfo("Europe/Moscow")).hour == 2 for start in starts)
        assert starts[0] <= datetime.now(UTC) + timedelta(days=1)
        assert applied.run("deployments/apply.py").returncode == 0
        assert nightly(applied).active
    finally:
        applied.run(*on_and_off, "pause", "pipeline/cpu", str(schedule.id))
    eventually(lambda: not made_by_a_schedule(applied), 30, "no scheduled runs any more")


ADDED: dict[str | None, SCHEDULE_TYPES] = {
    "hourly": IntervalSchedule(
        interval=timedelta(hours=1.5),
        anchor_date=datetime(2026, 1, 1, 7, 30, tzinfo=UTC),
        timezone="Asia/Tokyo",
    ),
    "mondays": CronSchedule(cron="5 4 * * 1", timezone="Europe/Moscow", day_or=False),
    "rule": RRuleSchedule(rrule="FREQ=WEEKLY;BYDAY=SU", timezone="Asia/Yekaterinburg"),
    None: CronSchedule(cron="0 12 * * *", timezone="UTC"),
}


def comparable(schedules: list[DeploymentSchedule]) -> list[tuple[Any, ...]]:
    """What matters of schedules."""
    found = [(str(one.slug), one.active, one.parameters, one.schedule) for one in schedules]
    return sorted(found, key=lambda one: one[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pipeline/cpu", "train-model/gpu"])
def test_applying_keeps_the_schedules_that_people_have_added(applied: Server, name: str) -> None:
    """Of every kind, with a slug and without, on or off, with parameters, on any deployment."""
    with applied.client() as client:
        deployment = client.read_deployment_by_name(name)
        added = [
            client.create_deployment_schedules(
                deployment.id,
                [(schedule, slug != "rule")],
                parameters={"config": {"output": "/tmp/{}"}} if slug == "mondays" else None,
                slug=slug,
            )[0]
            for slug, schedule in ADDED.items()
        ]
        before = client.read_deployment_by_name(name).schedules
        assert len(before) == len(deployment.schedules) + len(added)
        try:
            assert applied.run("deployments/apply.py").returncode == 0
            after = client.read_deployment_by_name(name).schedules
            assert comparable(after) == comparable(before)
        finally:
            for one in client.read_deployment_by_name(name).schedules:
                if one.slug != "nightly":
                    client.delete_deployment_schedule(deployment.id, one.id)


def test_merging_schedules_describes_our_own_once() -> None:
    """Ours are as prefect.yaml has them, on if they were on; the others come after them."""
    ours = {"slug": "nightly", "cron": "0 2 * * *", "timezone": "Europe/Moscow", "active": False}
    existing = [
        DeploymentSchedule(schedule=CronSchedule(cron="0 3 * * *"), slug="nightly", active=True),
        DeploymentSchedule(schedule=CronSchedule(cron="0 4 * * *"), active=False),
    ]
    merged = merge_schedules([ours], existing)
    assert merged[0] == ours | {"active": True}
    assert [one["cron"] for one in merged] == ["0 2 * * *", "0 4 * * *"]


def test_the_names_of_the_deployments_are_those_that_prefect_gives(applied: Server) -> None:
    """By which the schedules of each are found."""
    content = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())
    assert {deployment_name(one) for one in content["deployments"]} == DEPLOYMENTS
    with applied.client() as client:
        for name in DEPLOYMENTS:
            client.read_deployment_by_name(name)


@pytest.mark.slow
def test_it_warns_of_a_server_whose_restart_ends_all_runs(tmp_path: Path) -> None:
    """Prefect's default keeps leases in memory; with them on disk there is no warning."""
    storage = "prefect.server.concurrency.lease_storage"
    with (
        running_server(
            tmp_path / "home", PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE=f"{storage}.memory"
        ) as server,
        server.client() as client,
    ):
        warning = lease_warning(client)
    assert warning is not None
    assert f"PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE={storage}.filesystem" in warning


def test_it_does_not_warn_of_leases_on_disk(applied: Server) -> None:
    """The server of these tests is started as the README says."""
    with applied.client() as client:
        assert lease_warning(client) is None


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"train": {"lr": 5}}, "lr"),
        ({"train": {"precision": "float8"}}, "precision"),
        ({"resize": {"default_image_size": [384]}}, "default_image_size"),
        ({"train": {"learning_rate": 0.1}}, "learning_rate"),
        ({"embed": {"batch_size": "many"}}, "batch_size"),
    ],
)
def test_a_wrong_value_is_refused_when_the_run_is_created(
    applied: Server, wrong: dict[str, Any], named: str
) -> None:
    """Bounds, choices, shapes, unknown names and types, deep in the form: no run comes to be."""
    before = len(applied.runs("pipeline/cpu"))
    with pytest.raises(PrefectHTTPStatusError) as refused:
        applied.start("pipeline/cpu", config=DEMO | wrong)
    assert refused.value.response.status_code == 409
    assert named in refused.value.response.text
    assert len(applied.runs("pipeline/cpu")) == before


def test_the_form_has_descriptions_defaults_limits_and_choices(applied: Server) -> None:
    """What the UI draws its form from says of each parameter what its field says."""
    with applied.client() as client:
        form = client.read_deployment_by_name("pipeline/cpu").parameter_openapi_schema
    assert form is not None
    train = form["definitions"]["TrainConfig"]["properties"]
    assert train["lr"]["default"] == 1e-6
    assert train["lr"]["exclusiveMinimum"] == 0
    assert "learning rate" in train["lr"]["description"]
    assert train["device"]["enum"] == ["auto", "cpu", "cuda"]


def test_the_pipeline_runs_what_the_config_file_says(applied: Server) -> None:
    """Its parameters are those of VITRINA_CONFIG, and training goes to the gpu pool."""
    with applied.client() as client:
        config = client.read_deployment_by_name("pipeline/cpu").parameters["config"]
    assert PipelineConfig.model_validate(config).training_deployment == "train-model/gpu"
    assert config["model"] == "tiny"


@pytest.mark.parametrize("slots", [1, 3])
def test_the_gpu_pools_slots_are_a_setting(applied: Server, slots: int) -> None:
    """A team with three GPUs lets the pool hold three runs."""
    with applied.client() as client:
        apply_pool(client, "gpus", Settings(gpu_slots=slots), slots=slots)
        assert client.read_work_pool("gpus").concurrency_limit == slots


def test_a_pool_of_another_type_is_not_overwritten(applied: Server) -> None:
    """Prefect cannot change a pool's type: say so, and how to go on."""
    with applied.client() as client, pytest.raises(UserError, match="work-pool delete cpu"):
        apply_pool(client, "cpu", Settings(pool_type="docker"), slots=None)


@pytest.mark.parametrize("pool_type", ["docker", "kubernetes"])
def test_containers_get_our_image_and_on_the_gpu_pool_a_gpu(
    applied: Server, pool_type: str
) -> None:
    """The same deployments run in containers when the pools say so; Prefect accepts the pools."""
    settings = read_settings({"VITRINA_POOL_TYPE": pool_type, "VITRINA_IMAGE": "shop/vitrina:1"})
    with applied.client() as client:
        for slots in (None, 1):
            name = f"{pool_type}-{'gpu' if slots else 'cpu'}"
            apply_pool(client, name, settings, slots)
            pool = client.read_work_pool(name)
            assert pool.type == pool_type
            image = pool.base_job_template["variables"]["properties"]["image"]
            assert image["default"] == "shop/vitrina:1"
            wish = str(pool.base_job_template["job_configuration"])
            assert ("nvidia" in wish) == bool(slots)


def test_the_template_is_copied_not_changed() -> None:
    """Prefect's default template is left as it is."""
    default: dict[str, Any] = {
        "variables": {"properties": {"image": {}}},
        "job_configuration": {},
    }
    job_template(default, Settings(pool_type="docker"), gpu=True)
    assert default == {"variables": {"properties": {"image": {}}}, "job_configuration": {}}


def test_a_wrong_setting_is_named() -> None:
    """A typing error in the environment is told by the variable's name."""
    with pytest.raises(UserError, match=r"VITRINA_GPU_SLOTS: .*'none'"):
        read_settings({"VITRINA_GPU_SLOTS": "none"})
    assert read_settings({"VITRINA_GPU_SLOTS": ""}) == Settings()


def test_runs_start_in_the_clone_or_in_the_images_copy_of_it() -> None:
    """A process worker has this clone, a container has /app, and a setting has the last word."""
    assert Settings().workers_home == str(ROOT)
    assert Settings(pool_type="docker").workers_home == "/app"
    assert read_settings({"VITRINA_HOME": "/srv/vitrina"}).workers_home == "/srv/vitrina"


def test_a_wrong_config_file_is_refused_by_name(tmp_path: Path) -> None:
    """Nothing is applied when the pipeline's parameters are wrong."""
    file = tmp_path / "shop.yaml"
    with pytest.raises(UserError, match=r"VITRINA_CONFIG: .*shop\.yaml cannot be read"):
        pipeline_parameters(file)
    file.write_text(yaml.safe_dump(DEMO | {"train": {"lr": 5}}))
    with pytest.raises(UserError, match=r"shop\.yaml: train\.lr: .*got 5"):
        pipeline_parameters(file)
    file.write_text("- a list")
    with pytest.raises(UserError, match="not a YAML mapping"):
        pipeline_parameters(file)


def test_a_line_that_is_left_empty_is_the_default(tmp_path: Path) -> None:
    """An empty training_deployment trains in the pipeline's own process, as on the command line."""
    file = tmp_path / "shop.yaml"
    file.write_text(yaml.safe_dump(DEMO) + "training_deployment:\ntrain:\ndemo_products:\n")
    assert pipeline_parameters(file) == DEMO | {"training_deployment": ""}


@pytest.mark.parametrize(
    ("given", "output"), [({}, "output"), ({"output": "s3://a/b"}, "s3://a/b")]
)
def test_push_and_roll_back_are_of_the_pipelines_output(given: dict[str, str], output: str) -> None:
    """Whoever starts them from the UI need not know where the artifacts lie."""
    description = (ROOT / "deployments" / "prefect.yaml").read_text()
    parameters = {"catalog": "demo", "images": "demo"} | given
    content = yaml.safe_load(filled_in(description, parameters, lambda _: []))
    found = {one["entrypoint"]: one.get("parameters") for one in content["deployments"]}
    for entrypoint in ("flows/push.py:push", "flows/roll_back.py:roll_back"):
        assert found[entrypoint] == {"config": {"output": output}}


def test_without_a_server_it_says_how_to_start_one(applied: Server) -> None:
    """An in-process server would forget everything at once."""
    lonely = applied.run("deployments/apply.py", PREFECT_API_URL="")
    assert lonely.returncode == 2
    assert "prefect server start" in lonely.stderr
    assert "Traceback" not in lonely.stderr


def test_a_server_that_does_not_answer_is_reported_in_a_line(applied: Server) -> None:
    """A wrong address is named, without a traceback."""
    nowhere = f"http://127.0.0.1:{free_port()}/api"
    lonely = applied.run("deployments/apply.py", PREFECT_API_URL=nowhere)
    assert lonely.returncode == 2
    assert lonely.stderr.startswith(f"error: No Prefect server answers at {nowhere}. Start it with")
    assert len(lonely.stderr.splitlines()) == 1


def test_the_files_it_names_are_there() -> None:
    """Every entrypoint is a flow's file of this repository."""
    content = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())
    for deployment in content["deployments"]:
        assert (ROOT / deployment["entrypoint"].split(":")[0]).is_file()
    assert os.access(ROOT / "deployments" / "apply.py", os.R_OK)
