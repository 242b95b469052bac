"""The report in a real browser: at three widths, in light and dark, without anything else."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.chromium import needs_chromium
from tests.support.report import report_of
from tests.support.run_results import run_results
from vitrina.reporting.html_page import html_page

LEAST_FONT = 9.5  # pixels, of a chart on a phone

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a constructed run."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "report.html").write_text(html_page(report_of(run_results(folder))), "utf-8")
    return folder / "report.html"


@pytest.mark.parametrize("width", [400, 800, 1_400])
def test_nothing_is_wider_than_the_screen(browser: Browser, page_file: Path, width: int) -> None:
    """Tables scroll inside themselves, charts fit and stay legible, nothing is fetched."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(page_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    charts = page.evaluate(
        "[...document.querySelectorAll('.chart img')].map(i => [i.naturalWidth, i.clientWidth])"
    )
    assert len(charts) == 4
    for natural, shown in charts:
        scale = shown / 440
        assert natural > 0
        assert 13 * scale >= LEAST_FONT
        assert shown <= width
    assert all(url.startswith(("data:", "file:")) for url in asked)
    assert refused == []
    page.close()


def test_a_dark_screen_gets_a_dark_page_with_dark_charts(browser: Browser, page_file: Path) -> None:
    """Page and charts follow the scheme: their background is that of the paper."""
    for scheme, light in (("light", True), ("dark", False)):
        page = browser.new_page(color_scheme=scheme)
        page.goto(page_file.as_uri())
        corner = page.evaluate(
            """async () => {
                const image = document.querySelector('.chart img');
                await image.decode();
                const canvas = document.createElement('canvas');
                canvas.width = canvas.height = 4;
                const context = canvas.getContext('2d');
                context.drawImage(image, 0, 0, image.naturalWidth, image.naturalHeight);
                return [...context.getImageData(1, 1, 1, 1).data.slice(0, 3)];
            }"""
        )
        paper = page.evaluate(
            "getComputedStyle(document.querySelector('main > section')).backgroundColor"
        )
        assert paper == f"rgb({', '.join(map(str, corner))})"
        assert (corner[0] > 200) is light
        page.close()
