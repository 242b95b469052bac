"""The page for people in a headless browser: words, a photo, filters, similar listings.

VITRINA_SCREENSHOTS=docs/images keeps what it looks like, of the run in VITRINA_OUTPUT:

    export VITRINA_OUTPUT=output VITRINA_SCREENSHOTS=docs/images
    python -m pytest tests/slow/test_serve_page.py
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.serving.conftest import HOSTILE
from tests.support.chromium import needs_chromium
from tests.support.processes import ROOT
from tests.support.searched_run import embedded_run
from tests.support.served import serving
from tests.support.shop import draw_shop
from vitrina.search.run import open_run
from vitrina.store.paths import to_path

GIVEN = os.environ.get("VITRINA_OUTPUT", "")
SCREENSHOTS = os.environ.get("VITRINA_SCREENSHOTS", "")
TOKEN = "a-token-of-the-tests"

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The run that is named, else a small shop with a hostile title."""
    if GIVEN:
        return str(Path(GIVEN).absolute())
    folder = tmp_path_factory.mktemp("page")
    rows = draw_shop(folder / "images", 60)
    rows.loc[0, "title"] = HOSTILE
    return embedded_run(to_path(folder / "output"), folder, rows).store.root


@pytest.fixture(scope="module")
def url(output: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where it is served."""
    with serving(output, tmp_path_factory.mktemp("log") / "serve.log") as served:
        yield served.url


def opened(browser: Browser, url: str, width: int = 1200, locale: str = "ru-RU") -> Page:
    """The page at a width; anything that a script of someone else would do fails the test."""
    context = browser.new_context(
        viewport={"width": width, "height": 800 if width < 600 else 900}, locale=locale
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.on("console", lambda line: _fail_at_refusal(line.text))
    page.goto(url)
    return page


def _fail_at_refusal(line: str) -> None:
    if "Content Security Policy" in line:
        pytest.fail(line)


def keep(page: Page, name: str) -> None:
    """Keep what the page looks like, if asked to."""
    if SCREENSHOTS:
        page.wait_for_load_state("networkidle")
        page.mouse.move(0, 0)
        page.screenshot(path=ROOT / SCREENSHOTS / f"{name}.png", animations="disabled")


def scores(page: Page) -> list[float]:
    """The scores on the cards."""
    return [float(text) for text in page.locator(".card .score").all_inner_texts()]


@pytest.mark.parametrize("width", [400, 1200])
def test_a_person_finds_listings(browser: Browser, url: str, output: str, width: int) -> None:
    """By words, filtered, similar ones, by a photo; and back again. Nothing is wider than it."""
    page = opened(browser, url, width)
    expect(page.locator(".card").first).to_be_visible()
    page.get_by_role("searchbox").fill("жёлтая кружка")
    page.get_by_role("searchbox").press("Enter")
    expect(page.get_by_role("heading", name="Найдено по запросу «жёлтая кружка»")).to_be_visible()
    expect(page.locator(".card .score").first).to_be_visible()
    assert scores(page) == sorted(scores(page), reverse=True)
    keep(page, f"search-{width}")

    page.get_by_label("Категория").select_option("Посуда")
    expect(page.locator(".card .category", has_text="Дом")).to_have_count(0)
    categories = set(page.locator(".card .category").all_inner_texts())
    assert categories == {"Посуда"}
    assert "where=category" in page.url
    page.get_by_role("button", name="Сбросить").click()
    expect(page.locator("#grid.busy")).to_have_count(0)
    page.wait_for_load_state("networkidle")

    title = page.locator(".card .name").first.inner_text()
    page.locator(".card").first.click()
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.get_by_text("Похожие на этот товар")).to_be_visible()
    assert "like=" in page.url
    page.reload()
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="жёлтая кружка")).to_be_visible()

    listing = open_run(output, "cpu").listing_at(20)
    page.locator("#photo").set_input_files(listing.image_path)
    expect(page.get_by_role("heading", name="Похоже на ваше фото")).to_be_visible()
    page.get_by_label("Сравнивать").select_option("image")
    expect(page.locator(".card .score").first).to_have_text("1.00")
    page.get_by_role("button", name="Убрать фото").click()
    expect(page.get_by_text("Напишите, что ищете")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


def test_a_photo_can_be_dropped(browser: Browser, url: str, output: str) -> None:
    """Anywhere on the page; a file that is no image is refused in words."""
    page = opened(browser, url)
    expect(page.locator(".card").first).to_be_visible()
    content = list(Path(open_run(output, "cpu").listing_at(5).image_path).read_bytes())
    drop = """([bytes, name, type]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
        for (const kind of ["dragover", "drop"]) {
          document.body.dispatchEvent(
            new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }
    }"""
    page.evaluate(drop, [content, "photo.jpg", "image/jpeg"])
    expect(page.get_by_role("heading", name="Похоже на ваше фото")).to_be_visible()
    page.evaluate(drop, [[1, 2, 3], "notes.txt", "text/plain"])
    expect(page.get_by_text("Это не изображение.")).to_be_visible()
    page.evaluate(drop, [content, "photo.jpg", "image/jpeg"])
    expect(page.get_by_text("Это не изображение.")).to_have_count(0)
    page.evaluate(drop, [[1, 2, 3], "photo.jpg", "image/jpeg"])
    expect(page.locator(".wrong", has_text="Это не изображение.")).to_be_visible()
    page.context.close()


@pytest.mark.skipif(bool(GIVEN), reason="the hostile title is in the tests' own shop")
def test_hostile_texts_are_shown_as_text(browser: Browser, url: str) -> None:
    """In a title, in the query, in the address; nothing runs, and nothing is broken by it."""
    page = opened(
        browser, f"{url}/?q=кружка <img src=x onerror=alert(1)>&where={HOSTILE}=1&by=<script>"
    )
    heading = "Найдено по запросу «кружка <img src=x onerror=alert(1)>»"
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    page.goto(f"{url}/?like=0")
    expect(page.get_by_role("heading", name=HOSTILE)).to_be_visible()
    assert page.locator("main script").count() == 0
    page.goto(f"{url}/?like=../../etc/passwd")
    expect(page.get_by_text("Этого товара больше нет в каталоге.")).to_be_visible()
    page.context.close()


def test_it_speaks_english(browser: Browser, url: str) -> None:
    """To a browser that does, and to whoever asks; it remembers."""
    page = opened(browser, url, locale="en-US")
    expect(page.get_by_role("button", name="Search", exact=True)).to_be_visible()
    page.get_by_role("link", name="Русский").click()
    expect(page.get_by_role("button", name="Найти")).to_be_visible()
    page.goto(url)
    expect(page.get_by_role("button", name="Найти")).to_be_visible()
    page.context.close()


def test_a_person_logs_in_with_the_token(browser: Browser, output: str, tmp_path: Path) -> None:
    """Then images load too; the wrong token is told, and the right one is in no address."""
    with serving(output, tmp_path / "log", VITRINA_TOKEN=TOKEN) as served:
        page = opened(browser, served.url)
        page.get_by_label("Токен доступа").fill("wrong")
        page.get_by_role("button", name="Войти").click()
        expect(page.get_by_text("Токен не подошёл.")).to_be_visible()
        page.get_by_label("Токен доступа").fill(TOKEN)
        page.get_by_role("button", name="Войти").click()
        expect(page.locator(".card").first).to_be_visible()
        expect(page.locator(".card img").first).not_to_have_js_property("naturalWidth", 0)
        assert TOKEN not in page.url
        page.context.close()
