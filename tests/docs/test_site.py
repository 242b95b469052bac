"""The site, and the links of the pages that only a Git host shows."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT

LINK = re.compile(r"\]\(([^)#\s]+\.\w+|[^)#\s]*/)(#[^)\s]+)?\)")
ON_THE_HOST = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/README.md"]


def build(folder: Path, site: Path) -> "subprocess.CompletedProcess[str]":
    """Build as `make docs` does, from nothing."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-E"]
    command += ["-d", f"{site}-doctrees", str(folder), str(site)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_builds_without_a_warning(tmp_path: Path) -> None:
    """A link, heading or image that is missing, or a page that no other lists, fails it."""
    pytest.importorskip("myst_parser", reason="the extra 'docs' is not installed")
    pytest.importorskip("furo", reason="the extra 'docs' is not installed")
    built = build(ROOT / "docs", tmp_path / "site")
    assert built.returncode == 0, built.stderr
    front = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert "tutorial.html" in front
    assert not re.search(r'(?:src|href)="https?://[^"]+\.(?:js|css|woff2?)"', front)  # offline too


def test_what_is_broken_fails_the_build(tmp_path: Path) -> None:
    """A page, heading or image that is missing, and a page that is in no list."""
    pytest.importorskip("myst_parser", reason="the extra 'docs' is not installed")
    folder = tmp_path / "docs"
    (folder / "static").mkdir(parents=True)
    shutil.copy(ROOT / "docs" / "conf.py", folder)
    (folder / "static" / "vitrina.css").touch()
    (folder / "index.rst").write_text("Title\n=====\n\n.. toctree::\n\n   page\n")
    (folder / "page.md").write_text(
        "# Page\n\n[a](other.md) [b](#nowhere) [c](page.md#nothing) ![d](no.png)\n"
    )
    (folder / "alone.md").write_text("# Alone\n")
    built = build(folder, tmp_path / "site")
    assert built.returncode != 0
    for name in ("other.md", "nowhere", "nothing", "no.png", "alone.md"):
        assert name in built.stderr


@pytest.mark.parametrize("name", ON_THE_HOST)
def test_links_lead_somewhere(name: str) -> None:
    """To files of the repository, and to headings in them."""
    page = ROOT / name
    for target, heading in LINK.findall(page.read_text("utf-8")):
        if "://" in target:
            continue
        found = (page.parent / target).resolve()
        assert found.exists(), f"{name} links to {target}"
        if heading and found.suffix == ".md":
            assert heading[1:] in anchors(found), f"{name} links to {target}{heading}"


def anchors(page: Path) -> set[str]:
    """The headings of a page, spelled as a Git host does in links."""
    headings = re.findall(r"^#{1,6} (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
