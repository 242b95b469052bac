"""Who may ask, and how much."""

import asyncio

import pytest
from starlette.testclient import TestClient

from tests.serving.conftest import CONFIG, TOKEN
from vitrina.serving.app import make_app
from vitrina.serving.current_run import CurrentRun
from vitrina.serving.guard import Message, is_own_name


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong-token-of-the-tests"}, 401),
        ({"authorization": f"Bearer {TOKEN}x"}, 401),
        ({"authorization": f"Bearer {TOKEN[:-1]}"}, 401),
        ({"authorization": f"Basic {TOKEN}"}, 401),
        ({"authorization": TOKEN}, 401),
        ({"authorization": "Bearer "}, 401),
        ({"authorization": "Bearer ёлка".encode()}, 401),
        ({"cookie": f"vitrina={TOKEN}"}, 401),
        ({"cookie": "vitrina=; =;;"}, 401),
        ({"authorization": f"Bearer {TOKEN}"}, 200),
        ({"authorization": f"bearer {TOKEN}"}, 200),
    ],
)
def test_data_is_behind_the_token(
    guarded: TestClient, headers: dict[str, str], status: int
) -> None:
    """All of it; the page and whether the server lives are not."""
    for path in ("/search?q=a", "/similar/1", "/images/1", "/filters", "/listings"):
        assert guarded.get(path, headers=headers).status_code == status, path
    for path in ("/", "/healthz", "/page/app.js", "/docs", "/openapi.json"):
        assert guarded.get(path, headers=headers).status_code == 200, path


def test_a_browser_gets_a_cookie_for_the_token(guarded: TestClient) -> None:
    """Which is not the token itself, and scripts cannot read; a wrong token gives none."""
    assert guarded.post("/session", json={"token": "wrong"}).status_code == 401
    assert guarded.get("/filters").status_code == 401
    answer = guarded.post("/session", json={"token": TOKEN})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert guarded.get("/filters").status_code == 200


def test_without_a_token_only_this_machine_is_answered(client: TestClient) -> None:
    """A site that points its own name here, to ask with a visitor's browser, is refused."""
    for host in ("evil.example", "127.0.0.1.evil.example", "192.168.0.1:8100", ""):
        assert client.get("/filters", headers={"host": host}).status_code == 421, host
    for host in ("localhost", "localhost:8100", "127.0.0.1:1", "[::1]:8100", "[::1]"):
        assert client.get("/filters", headers={"host": host}).status_code == 200, host
        assert is_own_name(host)
    assert client.post("/session", json={"token": ""}).status_code == 401


def test_a_body_that_is_announced_as_too_large_is_not_read(client: TestClient) -> None:
    """Two gigabytes, or a length that is none: refused, and the connection is closed."""
    for length in ("2000000000", "-1", "1e3"):
        response = client.post("/search", content=b"x", headers={"content-length": length})
        assert response.status_code == 413
        assert response.headers["connection"] == "close"


@pytest.mark.parametrize("path", ["/search", "/encode", "/session"])
def test_a_body_that_never_ends_is_cut_off(current: CurrentRun, path: str) -> None:
    """No more than the limit and one piece of it is read."""
    asked, sent = 0, []

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": bytes(65_536), "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode()}
    scope |= {"headers": headers, "query_string": b"", "http_version": "1.1", "scheme": "http"}
    asyncio.run(make_app(current, CONFIG)(scope, receive, send))
    assert [one.get("status") for one in sent] == [413, None]
    assert b"at most 0.5 MB" in sent[1]["body"]
    assert asked == 8


def test_browsers_are_told_what_the_page_may_do(client: TestClient) -> None:
    """On every answer, refusals included: nothing from elsewhere, no frames, no guessing."""
    for path in ("/", "/filters", "/absent", "/images/1"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
