"""What the API answers, as its documentation describes it."""

from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel, Field

from vitrina.search.run import Hit
from vitrina.serving.facets import Facet
from vitrina.serving.served_run import ServedRun


class FoundListing(BaseModel):
    """A listing, and where its image and the listings like it are."""

    nm: int | str
    title: str
    category: str | None
    score: float | None = Field(description="The cosine with what was asked for, if anything was.")
    image: str = Field(description="Path of the image on this server.")
    similar: str = Field(description="Path of the listings like it.")

    @classmethod
    def of(cls, hit: Hit, *, scored: bool = True) -> "FoundListing":
        """The answer for a hit, without its path on the server's disk."""
        name = quote(str(hit.nm), safe="")
        return cls(
            nm=hit.nm,
            title=hit.title,
            category=hit.category,
            score=round(hit.score, 5) if scored else None,
            image=f"/images/{name}",
            similar=f"/similar/{name}",
        )


class Found(BaseModel):
    """Listings, nearest first, all of one run."""

    run: str = Field(description="Key of the run that has answered.")
    listings: list[FoundListing]
    like: FoundListing | None = Field(None, description="The listing that these are like.")


class Texts(BaseModel):
    """Texts and photos to encode."""

    texts: list[str] = Field([], max_length=64)
    images: list[str] = Field([], max_length=16, description="Contents of image files in base64.")


class Encoded(BaseModel):
    """Unit vectors, comparable with those of the run and with each other."""

    run: str
    model: str = Field(description="Fingerprint of the model.")
    texts: list[list[float]]
    images: list[list[float]]


class Filters(BaseModel):
    """The columns to choose values from."""

    run: str
    listings: int = Field(description="Number of listings of the run.")
    facets: list[Facet]


class Health(BaseModel):
    """Whether questions are answered."""

    status: Literal["ok", "waiting"]
    run: str | None = Field(None, description="Key of the run that is served.")


def found(
    run: ServedRun, hits: list[Hit], like: Hit | None = None, *, scored: bool = True
) -> Found:
    """The answer for hits of a run."""
    return Found(
        run=run.key,
        listings=[FoundListing.of(hit, scored=scored) for hit in hits],
        like=FoundListing.of(like, scored=False) if like else None,
    )
