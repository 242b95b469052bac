"""The tutorial, followed as it is written: each block in its order, on a small catalogue."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from docs.tools.blocks import Block, blocks
from tests.support.processes import ROOT, eventually, free_port, running
from tests.support.tutorial import Clone, Reader, small_hub

PAGE = ROOT / "docs" / "tutorial.md"
PRODUCTS = 60  # of the small demo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader in a clone, with a home, a cache and a hub of the test's own."""
    folder = tmp_path_factory.mktemp("tutorial")
    clone = Clone(folder / "clone")
    clone.draw_demo(PRODUCTS)
    server, search = str(free_port()), str(free_port())
    catalogue = clone.folder / "output" / "demo" / "latest" / "catalog.parquet"
    with small_hub(folder / "hub", catalogue) as hub:
        variables = {
            "HF_ENDPOINT": hub,
            "VITRINA_CACHE": str(folder / "cache"),
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "WANDB_MODE": "disabled",
        }
        replaced = {
            "vitrina serve ": f"vitrina serve --port {search} ",
            "vitrina server start": f"vitrina server start --port {server}",
            ":8100": f":{search}",
            ":4200": f":{server}",
        }
        reader = Reader(clone, variables, replaced)
        yield reader
        reader.run("vitrina server stop")


def test_every_command_works(reader: Reader, tmp_path: Path) -> None:
    """From the set-up to the schedule; what the page promises is there afterwards."""
    with ExitStack() as background:
        for number, block in enumerate(blocks(PAGE)):
            if block.mark.startswith("background"):
                start(reader, block, tmp_path / f"{number}.log", background)
            elif block.language == "python":
                (reader.clone.folder / "block.py").write_text(block.text)
                assert "(57, 64)" in reader.run("python block.py")
            elif block.language == "bash" and not block.mark:
                reader.run(reader.text(block))
        clone = reader.clone.folder
        assert "синяя кружка" in (clone / "gallery.html").read_text("utf-8")
        assert (clone / "store" / "report" / "latest" / "report.html").exists()
        trained = [one for one in (clone / "store" / "train").iterdir() if one.name != "latest"]
        assert len(trained) == 1  # the deployed run found everything in the store
        listed = reader.run("prefect deployment schedule ls pipeline/cpu --output json")
        nightly = [one["schedule"] for one in json.loads(listed) if one["active"]]
        assert nightly == ["cron: 0 2 * * *"]


def start(reader: Reader, block: Block, log: Path, background: ExitStack) -> None:
    """Run a block until the end of the test; wait until it answers, if the page says where."""
    script = reader.script(reader.text(block))
    process = background.enter_context(running(script, {**os.environ, **reader.variables}, log))
    _, _, address = block.mark.partition("until ")
    for old, new in reader.replaced.items():
        address = address.replace(old, new)

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return httpx.get(address, trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    if address:
        eventually(answers, 240, f"{address} answers")
