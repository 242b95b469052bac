"""When a stage's stored result stands for the work, and when the work is done again."""

import os
from pathlib import Path
from typing import Any

import pytest
from prefect.states import State
from upath import UPath

from tasks.orchestration import stage as stages
from vitrina.config import Parameters
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.files import remove, write_bytes
from vitrina.store.paths import to_path
from vitrina.store.stage import Stage


class Greeting(Parameters):
    """What the stage of these tests returns."""

    path: str


class Work:
    """A stage that writes one file, and how often it did."""

    def __init__(self, root: UPath) -> None:
        self.store = Store(root=str(root))
        self.stage = Stage("greet", Greeting, "vitrina.catalog.normalize")
        self.done = 0

    def make(self, artifact: Artifact) -> tuple[Greeting, list[str]]:
        """Write the greeting."""
        self.done += 1
        write_bytes(artifact.path / "hello", b"hello")
        return Greeting(path=str(artifact.path / "hello")), ["hello"]

    def run(self, **options: Any) -> Greeting | State[Greeting]:
        """Run the stage with inputs that are always the same."""
        return self.stage.run(self.store, {"name": "Vitrina"}, self.make, **options)


@pytest.fixture
def work(place: UPath) -> Work:
    """The stage with a store on this machine, and with one on S3."""
    return Work(place)


def test_a_finished_result_is_found_and_cached(work: Work) -> None:
    """The second run ends in the state Cached with the same data."""
    first, second = work.run(), work.run()
    assert isinstance(second, State)
    assert (second.name, second.data) == ("Cached", first)
    assert work.done == 1


def test_refresh_does_it_again(work: Work) -> None:
    """Whatever is in the store."""
    first = work.run()
    assert work.run(refresh=True) == first
    assert work.done == 2


def test_what_a_killed_run_left_half_written_goes_before_the_work(tmp_path: Path) -> None:
    """From the artifact's folder, an hour after the last write."""
    work = Work(UPath(tmp_path))
    first = work.run()
    assert isinstance(first, Greeting)
    left = Path(first.path).with_name(".hello.0123abcd.part")
    left.write_bytes(b"hel")
    os.utime(left, (0, 0))
    work.run(refresh=True)
    assert not left.exists()


def test_a_lost_file_is_made_again(work: Work) -> None:
    """A manifest whose file is gone is no result."""
    first = work.run()
    assert isinstance(first, Greeting)
    remove([to_path(first.path)])
    assert work.run() == first
    assert work.done == 2


def test_edited_code_makes_it_again(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version of the stage's code is part of the key."""
    work.run()
    monkeypatch.setattr(stages, "code_version", lambda _module: "edited")
    work.run()
    assert work.done == 2


def test_a_moved_result_is_made_again(tmp_path: Path) -> None:
    """It names files of the old place, in its result and in its tables."""
    work = Work(UPath(tmp_path / "old"))
    work.run()
    (tmp_path / "old").rename(tmp_path / "new")
    work.store = Store(root=str(tmp_path / "new"))
    found = work.run()
    assert isinstance(found, Greeting)
    assert found.path.startswith(str(tmp_path / "new"))
