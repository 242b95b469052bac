"""The pages: in two languages, and with nothing from elsewhere."""

import json
import re
from html.parser import HTMLParser

import pytest
from starlette.testclient import TestClient

from vitrina.serving.api_page import api_page
from vitrina.serving.languages import WORDS, chosen_language


@pytest.mark.parametrize(
    ("asked", "kept", "accepted", "language"),
    [
        ("", "", "", "ru"),
        ("", "", "en-US,en;q=0.9", "en"),
        ("", "", "de, ru;q=0.5, en;q=0.7", "en"),
        ("", "", "en;q=0, ru;q=0.1", "ru"),
        ("", "", ";;q=x,,en;q=abc", "ru"),
        ("", "en", "ru", "en"),
        ("ru", "en", "en", "ru"),
        ("<script>", "../..", "fr", "ru"),
    ],
)
def test_the_language_is_the_one_asked_for(
    asked: str, kept: str, accepted: str, language: str
) -> None:
    """Else that of the last visit, else the browser's, else Russian."""
    assert chosen_language(asked, kept, accepted) == language


def test_the_page_is_in_the_readers_language(client: TestClient) -> None:
    """Every word of it; the script gets the same words."""
    for position, language in enumerate(("ru", "en")):
        page = client.get("/", headers={"accept-language": language}).text
        assert f'<html lang="{language}">' in page
        assert WORDS["hint"][position] in page
        assert "$" not in page
        data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])  # type: ignore[index]  # it is there
        assert data["words"]["nothing"] == WORDS["nothing"][position]


def test_nothing_is_loaded_from_elsewhere(client: TestClient) -> None:
    """No script, style, font or image of another server, and no script within the page."""
    found: list[str] = []

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            values = dict(attrs)
            found.extend(str(values[name]) for name in ("src", "href") if values.get(name))
            assert not any(name.startswith("on") or name == "style" for name, _ in attrs)
            assert tag != "script" or "src" in values or values["type"] == "application/json"

    for path in ("/", "/docs"):
        Links().feed(client.get(path).text)
    assert found
    assert all(link.startswith(("/", "?")) and not link.startswith("//") for link in found)
    script = client.get("/page/app.js").text
    assert "innerHTML" not in script
    assert "http" not in script.replace("https://", "http")


def test_the_documentation_names_every_route(client: TestClient) -> None:
    """With parameters and limits, from the description for programs."""
    page = client.get("/docs").text
    for path in client.get("/openapi.json").json()["paths"]:
        assert path.replace("{", "{") in page
    assert "maximum 50" in page
    hostile = {"info": {"title": "<b>"}, "paths": {"/<i>": {"get": {"description": "<u>"}}}}
    assert not {"<b>", "<i>", "<u>"} & set(re.findall("<[biu]>", api_page(hostile)))
