"""The page for people, and the page that documents the API: plain files, nothing from elsewhere."""

import html
import json
from importlib import resources
from string import Template

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel

from vitrina.config.serve import ServeConfig
from vitrina.serving.api_page import api_page
from vitrina.serving.guard import COOKIE, is_token, session
from vitrina.serving.languages import chosen_language, words

FILES = {"app.js": "text/javascript", "style.css": "text/css", "icon.svg": "image/svg+xml"}
CACHED = {"cache-control": "no-cache"}


class Login(BaseModel):
    """The token, as a person has typed it."""

    token: str


def page_routes(app: FastAPI, config: ServeConfig) -> APIRouter:
    """The routes of the pages; ``app`` is what they document."""
    router = APIRouter(include_in_schema=False)

    @router.get("/", response_class=HTMLResponse)
    def page(request: Request, lang: str = "") -> str:
        language = chosen_language(
            lang, request.cookies.get("lang", ""), request.headers.get("accept-language", "")
        )
        return start_page(language, config)

    @router.get("/page/{name}")
    def file(name: str) -> Response:
        if name not in FILES:
            raise HTTPException(404, "There is no such file.")
        return Response(_file(name), media_type=FILES[name], headers=CACHED)

    @router.post("/session")
    def log_in(login: Login) -> Response:
        """Give a browser a cookie for the token, which images need: they send no header."""
        if not config.token or not is_token(login.token, config.token):
            raise HTTPException(401, "This is not the token.")
        response = JSONResponse({"detail": "ok"})
        response.set_cookie(COOKIE, session(config.token), httponly=True, samesite="strict")
        return response

    @router.get("/docs", response_class=HTMLResponse)
    def documentation() -> str:
        return api_page(app.openapi())

    return router


def start_page(language: str, config: ServeConfig) -> str:
    """The page in a language; what its script says is in it as data."""
    told = words(language)
    data = {
        "words": told,
        "maxUpload": round(config.max_upload_mb * 1e6),
        "maxTop": config.max_top,
    }
    escaped = {name: html.escape(word) for name, word in told.items()}
    return Template(_file("index.html").decode()).substitute(
        escaped,
        lang=language,
        max_query=config.max_query,
        data=json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"),
    )


def _file(name: str) -> bytes:
    return resources.files("vitrina.serving").joinpath("page", name).read_bytes()
