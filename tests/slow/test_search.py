"""Searching as a user does: the command line in a process of its own."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import command
from tests.support.searched_run import embedded_run
from vitrina.store.paths import to_path


@pytest.mark.slow
def test_the_command_answers_without_a_prefect_server(tmp_path: Path) -> None:
    """Words, a photo and a listing are answered; mistakes end with 2 and one line."""
    shop = embedded_run(to_path(tmp_path / "output"), tmp_path)
    output, photo = ("--output", shop.store.root), shop.rows["image_path"][0]
    for question in (("кружка",), ("--image", photo), ("--like", 3)):
        done = command("search.py", *question, *output, "--json", "--top", 2)
        assert done.returncode == 0, done.stderr
        assert len([json.loads(line) for line in done.stdout.splitlines()]) == 2
        assert done.stderr == ""
    for question, message in (
        (("кружка", "--output", tmp_path / "absent"), "absent does not exist"),
        (("кружка", "--output", tmp_path), "no finished embedding"),
        (("--like", 999, *output), "No listing of this run has nm '999'"),
        (("--image", tmp_path / "output" / "vitrina-store.json", *output), "not a readable image"),
    ):
        refused = command("search.py", *question)
        assert refused.returncode == 2, refused.stderr
        assert message in refused.stderr
        assert refused.stderr.count("\n") == 1


@pytest.mark.slow
def test_like_imports_no_torch(tmp_path: Path) -> None:
    """Stored vectors answer in two seconds."""
    shop = embedded_run(to_path(tmp_path / "output"), tmp_path)
    arguments = ("--like", 3, "--output", shop.store.root)
    done = command("search.py", *arguments, python=("-X", "importtime"))
    assert done.returncode == 0
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "tyro" in imported
    assert not imported & {"prefect", "torch"}
