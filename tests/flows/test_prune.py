"""What the command lists and removes; tests/slow prunes a pipeline's store."""

from pathlib import Path

import pytest

from flows.prune import check, prune
from vitrina.config.maintenance import PruneConfig
from vitrina.errors import UserError
from vitrina.store.artifacts import open_store
from vitrina.store.files import write_bytes


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with a needed and an old artifact of 1 MB each, and a cache of the test's own."""
    monkeypatch.setenv("VITRINA_CACHE", str(tmp_path / "cache"))
    store = open_store(str(tmp_path / "out"))
    for key in ("a" * 20, "b" * 20):
        artifact = store.artifact("clean", key)
        write_bytes(artifact.path / "table", bytes(1_000_000))
        artifact.publish("clean", key, ["table"], parameters={}, result={})
        store.point_latest("clean", key)
    return tmp_path / "out"


def test_nothing_is_removed_unless_it_is_asked_for(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list says what would go, and how to do it."""
    prune(PruneConfig(output=str(output), keep_days=0))
    told = capsys.readouterr().out
    lines = {line.split()[0]: line for line in told.splitlines() if line.startswith("clean/")}
    assert lines["clean/" + "a" * 20].endswith("would be removed")
    assert lines["clean/" + "b" * 20].endswith("latest")
    assert "Would remove 1 of 2 folders, 1.0 MB; 1.0 MB kept. Run it with --delete" in told
    assert (output / "clean" / ("a" * 20) / "table").exists()


def test_delete_removes_it(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second time there is nothing to remove."""
    config = PruneConfig(output=str(output), keep_days=0, delete=True)
    prune(config)
    assert "Removed 1 of 2 folders, 1.0 MB; 1.0 MB kept." in capsys.readouterr().out
    assert not (output / "clean" / ("a" * 20)).exists()
    assert (output / "clean" / "latest" / "table").exists()
    prune(config)
    assert "Removed 0 of 1 folders" in capsys.readouterr().out


def test_the_cache_is_looked_at_only_if_asked(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It belongs to the user, not to the store."""
    copied = tmp_path / "cache" / "s3" / "key" / "weights"
    copied.parent.mkdir(parents=True)
    copied.write_bytes(b"1")
    prune(PruneConfig(output=str(output), keep_days=0, delete=True))
    assert copied.exists()
    prune(PruneConfig(output=str(output), keep_days=0, delete=True, cache=True))
    assert not copied.exists()
    assert "cache: s3/key" in capsys.readouterr().out


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    """Before anything is listed."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="holds no store of Vitrina"):
        check(PruneConfig(output=str(tmp_path)))
