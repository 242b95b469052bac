"""A run that is killed while it fetches images."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.catalog_run import catalog_of, run_catalog
from tests.support.image_server import serving, status
from tests.support.image_shop import image
from tests.support.processes import ROOT
from vitrina.config.fetch import FetchConfig
from vitrina.store.paths import to_path

pytestmark = pytest.mark.slow

ROWS, WRITTEN, PARTS = 40, 5, 4

KILLED = f"""
import os, signal, sys
from tests.slow.test_fetch_killed import run
from vitrina.images import resize_index
from vitrina.images.resize_index import ResizeIndex

add, parts = ResizeIndex._add, []

def add_and_die(index, rows):
    add(index, rows)
    parts.append(rows)
    if len(parts) == {PARTS}:
        os.kill(os.getpid(), signal.SIGKILL)

resize_index.WRITE_ROWS = {WRITTEN}
ResizeIndex._add = add_and_die
run(sys.argv[1], sys.argv[2])
"""


def run(root: str, url: str) -> str:
    """Fetch and resize the images of a catalogue; the fingerprint of the table."""
    catalog = catalog_of(list(range(ROWS)), photo=[f"{url}/{nm}.jpg" for nm in range(ROWS)])
    config = FetchConfig(allow_private_addresses=True)
    result = run_catalog(to_path(root), catalog, fetching=config, image_column="photo")
    assert result.rows_kept == ROWS
    return result.table.fingerprint


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """kill -9 in the middle: what was recorded is not asked for again; the table is the same."""
    with serving() as site:
        for nm in range(ROWS):
            site.at(f"/{nm}.jpg", status(200, image(nm)))
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path / "killed"), site.url],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=False,
            capture_output=True,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
        assert not (tmp_path / "killed" / "table").exists()
        site.asked.clear()
        resumed = run(str(tmp_path / "killed"), site.url)
        assert len(site.asked) == ROWS - PARTS * WRITTEN
        assert resumed == run(str(tmp_path / "whole"), site.url)
