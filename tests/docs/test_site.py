"""The site, and the links of the pages that only a Git host shows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT

LINK = re.compile(r"\]\(([^)#\s]+\.\w+|[^)#\s]*/)(#[^)\s]+)?\)")
ON_THE_HOST = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/README.md"]


def test_it_builds_without_a_warning(tmp_path: Path) -> None:
    """A link, heading or image that is missing, or a page that no other lists, fails it."""
    pytest.importorskip("myst_parser", reason="the extra 'docs' is not installed")
    pytest.importorskip("furo", reason="the extra 'docs' is not installed")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-E"]
    command += ["-d", str(tmp_path / "doctrees"), "docs", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    front = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert "tutorial.html" in front
    assert not re.search(r'(?:src|href)="https?://[^"]+\.(?:js|css|woff2?)"', front)  # offline too


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
