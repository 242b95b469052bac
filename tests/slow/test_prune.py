"""A pruned store gives the next run all that the unpruned one would."""

from pathlib import Path

import pytest

from tests.support.command_line import command
from vitrina.store.artifacts import Store
from vitrina.store.prune import WRITTEN


@pytest.mark.slow
def test_after_a_prune_the_pipeline_is_still_cached_and_can_roll_back(tmp_path: Path) -> None:
    """Two trainings, one pruned: the last run is found in the store, and no server is started."""
    store = Store(root=str(tmp_path / "out"))
    line = ("--demo", "--demo_products", 60, "--train.num_epochs", 1, "--gate.margin", -1)
    run = ("pipeline.py", *line, "--output", store.root)
    for rate in (1e-4, 2e-4):
        done = command(*run, "--train.lr", rate)
        assert done.returncode == 0, done.stderr
    for stage, beginnings in WRITTEN.items():  # what an abandoned artifact is known by
        for path in (tmp_path / "out" / stage).glob("[0-9a-f]*/**/*"):
            if ".lance" in str(path):  # tables of the index, pruned as wholes
                continue
            name = "/".join(path.relative_to(tmp_path / "out" / stage).parts[1:])
            assert path.is_dir() or name.startswith((*beginnings, ".", "manifest.json")), path
    before = {path.name for path in (tmp_path / "out" / "train").iterdir()}
    pruned = command("prune.py", "--output", store.root, "--keep_days", 0, "--delete")
    assert pruned.returncode == 0, pruned.stderr
    assert pruned.stderr == ""
    assert "would be removed" not in pruned.stdout
    after = {path.name for path in (tmp_path / "out" / "train").iterdir()}
    assert (len(before), len(after)) == (3, 2)  # with the link
    again = command(*run, "--train.lr", 2e-4)
    assert again.returncode == 0, again.stderr
    stages = [text for text in again.stderr.splitlines() if "Task run" in text]
    assert [text for text in stages if "Cached(" not in text] == []
    assert command("roll_back.py", "--output", store.root).returncode == 0
