"""A resize run that is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.image_shop import Shop, record_opened
from vitrina.store.files import listing
from vitrina.store.paths import to_path

pytestmark = pytest.mark.slow

KILLED = """
import os, signal, sys
from tests.support.image_shop import Shop
from vitrina.images import resize_index
from vitrina.images.resize_index import ResizeIndex
from vitrina.store.paths import to_path

add, parts = ResizeIndex._add, []

def add_and_die(index, rows):
    add(index, rows)
    parts.append(rows)
    if len(parts) == 4:
        os.kill(os.getpid(), signal.SIGKILL)

resize_index.WRITE_ROWS = 5
ResizeIndex._add = add_and_die
Shop(to_path(sys.argv[1]), rows=40).run()
"""


def test_a_killed_run_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9 in the middle: no table, most images kept, and the same result in the end."""
    root = Path(__file__).parents[2]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "killed")],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    shop = Shop(to_path(tmp_path / "killed"), rows=0)
    shop.ids = list(range(40))
    assert not [name for name, _ in listing(shop.root / "resize") if name.startswith("processed")]
    opened = record_opened(monkeypatch)
    resumed = shop.run()
    assert len(opened) == 40 - 4 * 5
    whole = Shop(to_path(tmp_path / "whole"), rows=40)
    assert resumed.table.fingerprint == whole.run().table.fingerprint
