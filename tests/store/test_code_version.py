"""A stage's version is its code."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from vitrina.store import code_version as module


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in ``tasks`` package: a stage, and a helper that it imports."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "stage_one.py").write_text(
        "from tasks.helper import f\n\n\ndef g():\n    return f()\n"
    )
    (folder / "helper.py").write_text("def f():\n    return 1\n")
    (folder / "other.py").write_text("x = 1\n")
    for name in [name for name in sys.modules if name == "tasks" or name.startswith("tasks.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return folder


def version() -> str:
    """The version of the stand-in stage, read afresh."""
    module.code_version.cache_clear()
    importlib.invalidate_caches()
    return module.code_version("tasks.stage_one")


def test_an_edit_in_a_helper_counts(package: Path) -> None:
    """Another value returned by an imported function is another version."""
    before = version()
    (package / "helper.py").write_text("def f():\n    return 2\n")
    assert version() != before


def test_an_edit_elsewhere_does_not(package: Path) -> None:
    """A module that the stage does not import has no part in its version."""
    before = version()
    (package / "other.py").write_text("x = 2\n")
    assert version() == before


def test_comments_docstrings_and_layout_do_not_count(package: Path) -> None:
    """What changes no behaviour changes no version."""
    before = version()
    (package / "helper.py").write_text(
        '"""Doc."""\n\n\n# why\ndef f():\n    """Doc."""\n    return (1)\n'
    )
    assert version() == before


def test_nothing_is_imported_to_be_read() -> None:
    """A stage whose code needs torch gets its version without importing torch."""
    code = (
        "import sys; from vitrina.store.code_version import code_version; "
        "code_version('vitrina.training.train'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
