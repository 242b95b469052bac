"""The API: search, similar listings, encoding, images; and the page for people."""

import asyncio
import base64
import binascii
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from vitrina.config.search import Condition, wanted_by_column
from vitrina.config.serve import ServeConfig
from vitrina.errors import UserError
from vitrina.search.filters import Where
from vitrina.search.run import By, query_text
from vitrina.serving.answers import Encoded, Filters, Found, Health, Texts, found
from vitrina.serving.current_run import CurrentRun
from vitrina.serving.guard import Guard
from vitrina.serving.images import image_response
from vitrina.serving.page import page_routes
from vitrina.serving.served_run import ServedRun, UnknownListingError

UPLOAD_SECONDS = 60  # for a photo to arrive
BODY = {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}


def make_app(current: CurrentRun, config: ServeConfig) -> Guard:
    """The ASGI app that answers with the current run, behind its guard."""
    app = FastAPI(
        title="Vitrina",
        description="Search in the listings of a catalogue by words, by a photo, by a listing.",
        docs_url=None,  # FastAPI's page loads scripts from elsewhere
        redoc_url=None,
    )
    _add_errors(app)
    _add_questions(app, current, config)
    app.include_router(page_routes(app, config))
    return Guard(app, config.token, round(config.max_upload_mb * 1e6))


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(UnknownListingError)
    def unknown(_request: Request, error: UnknownListingError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 404)

    @app.exception_handler(UserError)
    def wrong(_request: Request, error: UserError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422)


def _add_questions(app: FastAPI, current: CurrentRun, config: ServeConfig) -> None:
    def served() -> ServedRun:
        """The run that answers this request, whatever is opened meanwhile."""
        if current.run is None:
            raise HTTPException(503, "There is no finished run yet: run the pipeline.")
        return current.run

    def wanted(where: Annotated[list[Condition], Query(max_length=50)] = []) -> Where:  # noqa: B006 - FastAPI copies it
        """Conditions such as category=Посуда; of one column any of its values counts."""
        return wanted_by_column(where)

    # Types of parameters, which FastAPI fills in.
    its_run = Annotated[ServedRun, Depends(served)]
    conditions = Annotated[Where, Depends(wanted)]
    count = Annotated[int, Query(ge=1, le=config.max_top, description="Number of listings.")]
    max_pixels = round(config.max_megapixels * 1e6)

    @app.get("/search")
    def search(
        run: its_run,
        where: conditions,
        q: Annotated[str, Query(min_length=1, max_length=config.max_query)],
        top: count = 24,
        by: By = "both",
    ) -> Found:
        """The listings nearest to a text."""
        return found(run, run.search_text(q, top, by, where))

    @app.post("/search", openapi_extra={"requestBody": BODY})
    async def search_by_photo(
        request: Request, run: its_run, where: conditions, top: count = 24, by: By = "both"
    ) -> Found:
        """The listings nearest to a photo, sent as it is (curl --data-binary @photo.jpg)."""
        photo = await _whole_body(request)
        hits = await run_in_threadpool(run.search_photo, photo, max_pixels, top, by, where)
        return found(run, hits)

    @app.get("/listings")
    def listings(run: its_run, where: conditions, top: count = 24) -> Found:
        """Some listings to begin with, spread over the catalogue, or over a part of it."""
        return found(run, run.browse(top, where), scored=False)

    @app.get("/similar/{nm:path}")
    def similar(
        run: its_run, where: conditions, nm: str, top: count = 24, by: By = "both"
    ) -> Found:
        """The listings most like one of them."""
        return found(run, run.similar(nm, top, by, where), like=run.listing(nm))

    @app.post("/encode")
    def encode(run: its_run, what: Texts) -> Encoded:
        """The vectors of texts and of photos, by the model of the run."""
        if any(len(text) > config.max_query for text in what.texts):
            raise UserError(f"A text has at most {config.max_query} characters.")
        texts = run.encoder.texts([query_text(text) for text in what.texts])
        images = [run.photo_vector(_decoded(image), max_pixels) for image in what.images]
        return Encoded(
            run=run.key,
            model=run.model,
            texts=[vector.tolist() for vector in texts],
            images=[vector.tolist() for vector in images],
        )

    @app.get("/images/{nm:path}", response_class=Response)
    def image(run: its_run, request: Request, nm: str) -> Response:
        """The resized image of a listing."""
        return image_response(run.image(nm), request.headers.get("if-none-match", ""))

    @app.get("/filters")
    def filters(run: its_run) -> Filters:
        """The columns to filter by, with their most frequent values."""
        return Filters(run=run.key, listings=len(run), facets=run.facets)

    @app.get("/healthz")
    def health() -> Health:
        """Whether questions are answered; 503 before the first run is there."""
        if current.run is None:
            raise HTTPException(503, "waiting")
        return Health(status="ok", run=current.run.key)


async def _whole_body(request: Request) -> bytes:
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            body = await request.body()
    except TimeoutError as error:
        raise HTTPException(408, "The photo took too long to arrive.") from error
    if not body:
        raise UserError("The request holds no photo: send the content of an image file.")
    return body


def _decoded(image: str) -> bytes:
    try:
        return base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UserError("An image is not in base64.") from error
