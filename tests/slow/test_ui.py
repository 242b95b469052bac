"""The real Prefect UI in a headless browser: the form, a run from it, and what the run shows.

The images of it are kept in screenshots/.
"""

import time
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import Artifact

from tests.support.chromium import needs_chromium
from tests.support.processes import ROOT
from tests.support.servers import Server

SCREENSHOTS = ROOT / "screenshots"

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    """A page of a headless Chromium."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(60_000)
    return page


def keep(page: Page, name: str, *, whole: bool = False) -> None:
    """Take an image of the page for people to look at."""
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)


def open_form(page: Page, server: Server) -> None:
    """The way a person goes: the deployment, Run, Custom run."""
    with server.client() as client:
        deployment = client.read_deployment_by_name("pipeline/cpu").id
    page.goto(f"{server.url}/v2/deployments/deployment/{deployment}")
    button = page.get_by_role("button", name="Run", exact=True)
    button.wait_for()
    keep(page, "1-deployment")
    button.click()
    page.get_by_role("menuitem", name="Custom run").click()
    page.get_by_label("Num Epochs").wait_for()


def submit(page: Page, server: Server) -> UUID:
    """Press Submit until the run is there: a busy SQLite lets the UI's request fail."""
    before = {run.id for run in server.runs("pipeline/cpu")}
    for _ in range(5):
        page.get_by_role("button", name="Submit").click()
        time.sleep(3)
        new = [run.id for run in server.runs("pipeline/cpu") if run.id not in before]
        if new:
            return new[0]
    raise AssertionError("no run was created")


def artifacts(server: Server, run: UUID) -> dict[str, Artifact]:
    """The artifacts of a run by key."""
    one = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
    with server.client() as client:
        return {str(found.key): found for found in client.read_artifacts(artifact_filter=one)}


def test_the_form_explains_the_parameters_and_refuses_a_wrong_value(
    applied: Server, page: Page
) -> None:
    """Description, default and limit are there; a value out of bounds makes no run."""
    open_form(page, applied)
    keep(page, "2-form", whole=True)
    assert page.get_by_text("Passes over the training rows.").is_visible()
    rate = page.get_by_label("Learning Rate")
    assert rate.input_value() == "0.001"
    before = len(applied.runs("pipeline/cpu"))
    rate.fill("5")
    page.get_by_role("button", name="Submit").click()
    assert "1" in rate.evaluate("field => field.validationMessage")
    keep(page, "3-refused")
    time.sleep(2)
    assert len(applied.runs("pipeline/cpu")) == before


@pytest.mark.usefixtures("workers")
def test_a_run_started_from_the_form_completes_and_shows_its_artifacts(
    applied: Server, page: Page
) -> None:
    """A changed parameter goes in, workers do the work, and tables and images come out."""
    open_form(page, applied)
    page.get_by_label("Num Epochs").fill("2")
    page.get_by_label("Refresh").click()
    run = submit(page, applied)
    page.goto(f"{applied.url}/v2/runs/flow-run/{run}")
    assert applied.final(run, 240).is_completed()
    page.get_by_text("Completed", exact=True).first.wait_for()
    keep(page, "4-run")
    with applied.client() as client:
        config = client.read_flow_run(run).parameters["config"]
    assert (config["train"]["num_epochs"], config["refresh"]) == (2, True)

    found = artifacts(applied, run)
    assert found.keys() >= {"rows", "metrics", "training", "contact-sheet"}
    page.get_by_role("tab", name="Artifacts").click()
    for key in found:
        page.get_by_text(key, exact=True).first.wait_for()
    keep(page, "5-artifacts")
    for key in ("rows", "metrics", "training", "contact-sheet"):
        page.goto(f"{applied.url}/v2/artifacts/artifact/{found[key].id}")
        page.get_by_text(str(found[key].description)).first.wait_for()
        assert not page.get_by_text("Something went wrong").count()
        if found[key].type == "image":
            drawn = "() => [...document.images].some(image => image.naturalWidth > 300)"
            page.wait_for_function(drawn)
        keep(page, f"6-artifact-{key}")

    (child,) = applied.children(run)
    bars = [*found.values(), *artifacts(applied, child.id).values()]
    full = {bar.key for bar in bars if bar.type == "progress" and bar.data == 100}
    assert full >= {"resize", "train", "embed"}
