"""When a stored result is found, and when the stage is run again; local and on S3."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from upath import UPath

from vitrina.config.catalog import CleanConfig
from vitrina.config.parameters import Parameters
from vitrina.store import artifacts
from vitrina.store import stage as stages
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.failures import AccessDeniedError
from vitrina.store.files import remove, write_bytes
from vitrina.store.paths import to_path
from vitrina.store.stage import Stage, StageOutcome


class Greeting(Parameters):
    """The result of the stage of these tests."""

    path: str


class Work:
    """A stage that writes one file, and how often it did."""

    def __init__(self, root: UPath) -> None:
        self.store = Store(root=str(root))
        self.stage = Stage("greet", Greeting, "vitrina.catalog.normalize:normalize_text")
        self.done = 0

    def make(self, artifact: Artifact) -> tuple[Greeting, Iterable[str]]:
        """Write the greeting."""
        self.done += 1
        write_bytes(artifact.path / "hello", b"hello")
        return Greeting(path=str(artifact.path / "hello")), ["hello"]

    def run(self, *, name: str = "Vitrina", refresh: bool = False) -> StageOutcome[Greeting]:
        """Run the stage."""
        inputs = {"name": name, "parameters": CleanConfig()}
        return self.stage.find_or_make(self.store, inputs, self.make, refresh=refresh)


@pytest.fixture
def work(place: UPath) -> Work:
    """The stage with a local store, and with one on S3."""
    return Work(place)


def test_a_finished_result_is_found(work: Work) -> None:
    """The second run returns the same result and the folder that it was found in."""
    first, second = work.run(), work.run()
    assert first.found_in == ""
    assert second == StageOutcome(first.result, str(to_path(first.result.path).parent))
    assert work.done == 1


def test_a_result_is_found_in_a_store_that_cannot_be_written(
    work: Work, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """``latest`` stays as it is, and the log says so."""
    first = work.run()
    work.run(name="another")

    def refuse(_path: UPath, _content: bytes) -> None:
        raise AccessDeniedError("latest cannot be written: Read-only file system.")

    monkeypatch.setattr(artifacts, "write_bytes", refuse)
    monkeypatch.setattr(artifacts, "_linked", lambda _latest, _key: False)
    assert work.run().result == first.result
    assert work.done == 2
    assert "greet: latest still points to another artifact" in caplog.text


def test_refresh_does_it_again(work: Work) -> None:
    """With refresh the stored result is not used."""
    first = work.run()
    assert work.run(refresh=True) == first
    assert work.done == 2


def test_other_inputs_have_their_own_artifact(work: Work) -> None:
    """Both are kept, and ``latest`` is the one that was asked for last, made or found."""
    first, second = work.run(), work.run(name="Каталог")
    assert first.result != second.result
    assert work.run() == StageOutcome(first.result, str(to_path(first.result.path).parent))
    latest = work.store.latest("greet")
    assert latest is not None
    assert latest.path == to_path(first.result.path).parent


def test_the_manifest_tells_what_it_was_made_from(work: Work) -> None:
    """Stage, key, and the inputs as JSON values."""
    work.run()
    latest = work.store.latest("greet")
    assert latest is not None
    manifest = latest.manifest()
    assert manifest is not None
    assert (manifest.stage, manifest.key) == ("greet", latest.path.name)
    assert manifest.parameters == {
        "name": "Vitrina",
        "parameters": CleanConfig().model_dump(mode="json"),
    }


def test_temp_files_of_a_killed_run_are_removed_first(tmp_path: Path) -> None:
    """From the artifact's folder, an hour after the last write."""
    work = Work(UPath(tmp_path))
    first = work.run()
    left = Path(first.result.path).with_name(".hello.0123abcd.part")
    left.write_bytes(b"hel")
    os.utime(left, (0, 0))
    work.run(refresh=True)
    assert not left.exists()


def test_a_lost_file_is_made_again(work: Work) -> None:
    """A manifest one of whose files is missing is no result."""
    first = work.run()
    remove([to_path(first.result.path)])
    assert work.run() == first
    assert work.done == 2


def test_edited_code_makes_it_again(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version of the stage's code is part of the key."""
    work.run()
    monkeypatch.setattr(stages, "code_version", lambda *_entries: "edited")
    work.run()
    assert work.done == 2


def test_code_of_every_function_of_a_stage_counts() -> None:
    """A stage that names a second function has another version."""
    one = Stage("greet", Greeting, "vitrina.catalog.normalize:normalize_text")
    two = Stage("greet", Greeting, one.code, ("vitrina.catalog.normalize:is_missing",))
    assert one.code_version != two.code_version


def test_a_moved_result_is_made_again(tmp_path: Path) -> None:
    """Its paths, in the result and in tables, are those of the old folder."""
    work = Work(UPath(tmp_path / "old"))
    work.run()
    (tmp_path / "old").rename(tmp_path / "new")
    work.store = Store(root=str(tmp_path / "new"))
    assert work.run().result.path.startswith(str(tmp_path / "new"))
